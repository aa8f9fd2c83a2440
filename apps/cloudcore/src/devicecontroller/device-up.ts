import {
  type Device,
  type DeviceTwinUpdate,
  isRecord,
  type Message,
  type MessageOrigin,
  OK,
  parseJson,
  type RoutedMessage,
  responseTo,
  routeMessage,
} from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Downstream, Upstream } from '../cloudhub/downstream.ts';
import type { DeviceCaches } from './device-caches.ts';
import type { ReportedState, StatusWriter } from './status-writer.ts';
import { sidesOf } from './twin-report.ts';

export interface DeviceUpPorts {
  readonly caches: DeviceCaches;
  readonly writer: StatusWriter;
  /** Something is to be written for this device. */
  readonly dirty: (device: Device) => void;
  readonly downstream: Pick<Downstream, 'post'>;
  readonly origin: MessageOrigin;
  readonly log: Logger;
}

/** Reports that came before the caches were filled; more are left to the edges to send again. */
const MAX_EARLY = 10_000;
const MAX_STATE_LENGTH = 128;

/** Twin and state reports of edges (spec/mqtt-and-devicetwin.md §8.4), confirmed when they are stored. */
export function createDeviceUp({ caches, writer, dirty, downstream, origin, log }: DeviceUpPorts) {
  const early: { node: string; message: Message }[] = [];
  let ready = false;

  const confirm = (node: string, request: Message): void => {
    const { msg_id } = request.header;
    const answer = responseTo(origin, request, OK, { source: 'devicecontroller', group: 'twin' });
    const confirmed = { ...answer, route: { ...answer.route, resource: 'twin' } };
    if (!downstream.post(node, confirmed))
      log.debug({ node, msg_id }, 'node went away before its confirmation');
  };

  /** The device a report is about, if the node may report it. */
  const find = (node: string, { path }: RoutedMessage): Device | 'gone' | 'denied' => {
    const slash = path.name.indexOf('/');
    if (slash > 0) {
      const key = { namespace: path.name.slice(0, slash), name: path.name.slice(slash + 1) };
      const device = caches.devices.get(key);
      if (device === undefined) return 'gone';
      return device.spec?.nodeName === node ? device : 'denied';
    }
    // Upstream 1.9 knows no namespaces: the name must tell the device among those of the node.
    const named = caches.boundTo(node).filter(({ device }) => device.metadata.name === path.name);
    if (named.length > 1) return 'denied';
    return named[0]?.device ?? 'gone';
  };

  const handle = (node: string, message: Message): void => {
    const routed = routeMessage(message, 'edge');
    if (routed.route !== 'up.twin' && routed.route !== 'up.device-state') return;
    const id = routed.path.name;
    const device = find(node, routed);
    if (device === 'denied') {
      log.warn(
        { node, device: id },
        'report refused: the device is not bound to this node, or its name is not unique',
      );
      return;
    }
    if (device === 'gone') {
      // Nothing is left to record; unconfirmed it would be sent again for ever.
      log.debug({ node, device: id }, 'report of a device that is gone');
      confirm(node, message);
      return;
    }
    const { uid = '' } = device.metadata;
    const written = (): void => confirm(node, message);
    if (routed.route === 'up.twin') {
      const known = new Set(device.spec?.properties?.map(({ name }) => name));
      const sides = sidesOf(routed.message.content as DeviceTwinUpdate);
      for (const name of sides.keys()) {
        if (!known.has(name))
          log.debug({ node, device: id, property: name }, 'report of an unknown property');
      }
      writer.twins(uid, new Map([...sides].filter(([name]) => known.has(name))), written);
    } else {
      const state = readState(routed.message.content as string);
      if (typeof state === 'string') {
        log.warn({ node, device: id, problem: state }, 'state report refused');
        written();
        return;
      }
      writer.state(uid, state, written);
    }
    dirty(device);
  };

  const upstream: Upstream = {
    receive(node, message) {
      if (ready) handle(node, message);
      else if (early.length < MAX_EARLY) early.push({ node, message });
    },
  };
  return {
    upstream,
    /** The caches are filled. */
    begin(): void {
      ready = true;
      for (const { node, message } of early.splice(0)) handle(node, message);
    },
  };
}

/** The content is JSON in a string; Go reads its keys in any case. Returns what is wrong, as text. */
function readState(content: string): ReportedState | string {
  let value: unknown;
  try {
    value = parseJson(content, { maxLength: 65_536, maxDepth: 20 });
  } catch (error) {
    return errorText(error);
  }
  const device = isRecord(value) ? (value['device'] ?? value['Device']) : undefined;
  if (!isRecord(device)) return 'no device in it';
  const { state, lastOnlineTime } = device;
  if (typeof state !== 'string' || state.length > MAX_STATE_LENGTH) return 'state is no short text';
  const online = typeof lastOnlineTime === 'string' && !Number.isNaN(Date.parse(lastOnlineTime));
  return { state, ...(online ? { lastOnlineTime } : {}) };
}
