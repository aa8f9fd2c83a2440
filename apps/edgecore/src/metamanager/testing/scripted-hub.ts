import { CLOUD_CONNECTED, CLOUD_DISCONNECTED, type Message, newMessage } from '@kubeedge-ts/apis';
import { type Bus, createBus } from '@kubeedge-ts/beehive';
import type { Clock } from '@kubeedge-ts/runtime';

/** Stands where EdgeHub and the cloud would: sees what MetaManager sends, answers it, sends objects. */
export interface ScriptedHub {
  readonly bus: Bus;
  /** What went to the cloud, oldest first. */
  readonly sent: Message[];
  /** Answers a message; undefined: no answer. Called for every message sent. */
  answer: (message: Message) => unknown;
  /** Answers a message that was left unanswered. */
  answerTo(message: Message, content: unknown): void;
  connect(connected: boolean): Promise<void>;
  /** An object message of the cloud. */
  down(operation: string, resource: string, content: unknown, source?: string): Promise<Message>;
  close(): void;
}

export function createScriptedHub(clock: Clock): ScriptedHub {
  const bus = createBus(clock);
  const subscription = bus.register({ module: 'websocket', group: 'hub' });
  const origin = { now: () => clock.now(), uuid: () => crypto.randomUUID() };
  const hub: ScriptedHub = {
    bus,
    sent: [],
    answer: () => undefined,
    answerTo({ header, route: { resource = '' } }, content) {
      const route = { source: 'edgecontroller', group: 'resource', operation: 'response', resource };
      bus.respond(newMessage(origin, { ...route, content, parent: header.msg_id }));
    },
    connect: (connected) =>
      bus.send(
        'metamanager',
        newMessage(origin, {
          source: 'edgehub',
          group: 'meta',
          operation: 'connect',
          resource: 'node/connection',
          content: connected ? CLOUD_CONNECTED : CLOUD_DISCONNECTED,
        }),
      ),
    async down(operation, resource, content, source = 'edgecontroller') {
      const message = newMessage(origin, { source, group: 'resource', operation, resource, content });
      await bus.send('metamanager', message);
      return message;
    },
    close: () => subscription.close(),
  };
  void (async () => {
    for (;;) {
      const message = await subscription.mailbox.take();
      if (message === undefined) return;
      hub.sent.push(message);
      const content = hub.answer(message);
      if (content !== undefined) hub.answerTo(message, content);
    }
  })();
  return hub;
}

/** Pod answer as cloudcore gives it. */
export const objectAnswer = (object: unknown): unknown => ({ Object: object, Err: null });

export const errorAnswer = (reason: string, message: string): unknown => ({
  Object: {},
  Err: { ErrStatus: { metadata: {}, status: 'Failure', reason, message } },
});
