import { errorText, mapperErrors } from '@kubeedge-ts/errors';
import { createMqttClient, type IncomingMessage } from '@kubeedge-ts/mqtt';
import { silentLogger, sleep, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { type DeviceSession, startDeviceSession } from './device-session.ts';
import { deltaOf, deviceIds, differencesOf, readObject } from './incoming.ts';
import type { Mapper, MapperDevice, MapperOptions } from './types.ts';

/** edgecore is asked for its devices until it answers, then now and then: it may have been started anew. */
const ASK_MS = 2000;
const ASK_AGAIN_MS = 60_000;

interface Active {
  readonly id: string;
  readonly session: DeviceSession;
}

/** Connects devices to their twins over MQTT (spec/mqtt-and-devicetwin.md §4–§6). */
export function createMapper(options: MapperOptions): Mapper {
  const { devices, clock = systemClock, random = systemRandom, log = silentLogger } = options;
  /** Several nodes may share a broker: with a name, only the own edgecore is listened to. */
  const answers = `$hw/events/node/${options.nodeName ?? '+'}/membership`;
  const questions = `$hw/events/node/${options.nodeName ?? 'node'}/membership/get`;
  const stopping = new AbortController();
  const active = new Map<MapperDevice, Active>();
  let answered = false;
  let asking: Promise<void> | undefined;
  let wakeAsking: (() => void) | undefined;

  const receive = (message: IncomingMessage): void => {
    try {
      handle(message.topic, message.payload);
    } catch (error) {
      log.warn({ topic: message.topic, err: errorText(error) }, 'message ignored');
    } finally {
      message.ack();
    }
  };

  const client = createMqttClient({
    url: options.broker,
    clientId: options.clientId ?? `mapper-${random.uuid().slice(0, 8)}`,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    clock,
    random,
    log,
    subscriptions: [`${answers}/get/result`, `${answers}/updated`],
    onMessage: receive,
    onConnection(connected) {
      if (!connected) return;
      answered = false;
      wakeAsking?.();
      for (const { id, session } of active.values()) {
        session.refresh();
        askTwins(id);
      }
    },
  });

  const request = (): string => JSON.stringify({ event_id: '', timestamp: clock.now() });
  const publish = (topic: string, payload: string): void => client.publish(topic, payload);
  const askTwins = (id: string): void => publish(`$hw/events/device/${id}/twin/get`, request());
  const answerTopics = (id: string): string[] =>
    ['twin/update/delta', 'twin/update/result', 'twin/get/result'].map(
      (one) => `$hw/events/device/${id}/${one}`,
    );

  const handle = (topic: string, payload: Buffer | undefined): void => {
    const message = readObject(topic, payload);
    if (topic.endsWith('/membership/get/result')) memberships(message);
    else if (topic.endsWith('/membership/updated')) {
      for (const id of deviceIds(message['added_devices'])) activate(id);
      for (const id of deviceIds(message['removed_devices'])) deactivate(id);
    } else twinMessage(topic, message);
  };

  const twinMessage = (topic: string, message: Record<string, unknown>): void => {
    const found = [...active.values()].find(({ id }) => topic.startsWith(`$hw/events/device/${id}/twin/`));
    if (found === undefined) return;
    if (topic.endsWith('/delta')) found.session.want(deltaOf(message));
    else if (topic.endsWith('/get/result')) found.session.want(differencesOf(message));
    else if (typeof message['code'] === 'number') refused(found.id, message['reason']);
  };

  const refused = (device: string, given: unknown): void => {
    const reason = typeof given === 'string' ? given.slice(0, 256) : '';
    const error = mapperErrors.create('MAPPER_REFUSED', { device, reason });
    log.warn({ code: error.code, device, reason, advice: error.advice }, 'report refused');
  };

  /** The whole list: what is not on it left the node. */
  const memberships = (message: Record<string, unknown>): void => {
    if (!Array.isArray(message['devices'])) return;
    answered = true;
    const ids = deviceIds(message['devices']);
    for (const id of ids) activate(id);
    for (const { id } of [...active.values()]) if (!ids.includes(id)) deactivate(id);
  };

  const activate = (id: string): void => {
    const device = devices.find(
      (one) => one.device === id || one.device === id.slice(id.lastIndexOf('/') + 1),
    );
    if (device === undefined || active.has(device) || stopping.signal.aborted) return;
    log.info({ device: id }, 'device is on this node');
    const session = startDeviceSession({ id, device, publish, clock, log });
    active.set(device, { id, session });
    for (const topic of answerTopics(id)) {
      client
        .subscribe(topic)
        .catch((error) => log.warn({ topic, err: errorText(error) }, 'subscription failed'));
    }
    askTwins(id);
  };

  const deactivate = (id: string): void => {
    for (const [device, one] of active) {
      if (one.id !== id) continue;
      log.info({ device: id }, 'device left this node');
      active.delete(device);
      one.session
        .stop(false)
        .catch((error) => log.warn({ device: id, err: errorText(error) }, 'device did not stop'));
      for (const topic of answerTopics(id)) {
        client
          .unsubscribe(topic)
          .catch((error) => log.debug({ topic, err: errorText(error) }, 'still subscribed'));
      }
    }
  };

  const ask = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      if (client.connected) publish(questions, request());
      const woken = new AbortController();
      wakeAsking = () => woken.abort();
      // Rejects because it was woken; the loop looks why.
      await sleep(clock, answered ? ASK_AGAIN_MS : ASK_MS, woken.signal).catch(() => {});
    }
  };

  return {
    get active() {
      return [...active.values()].map(({ id }) => id);
    },
    start() {
      client.start();
      asking ??= ask();
    },
    async stop() {
      stopping.abort(new Error('the mapper is stopping'));
      wakeAsking?.();
      await asking;
      await Promise.all([...active.values()].map(({ session }) => session.stop(true)));
      await client.close();
    },
  };
}
