import type { MsgAttr, MsgTwin, TwinValue } from '@kubeedge-ts/apis';
import { type Attribute, DELETED, type Device, type Side, type Twin, type TwinChange } from './types.ts';

/** JSON texts of what edgecore publishes (spec/mqtt-and-devicetwin.md §3–§6). Versions never appear on MQTT. */

/** A record for names that come from outside: no inherited keys. */
export function record<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

function twinValue(side: Side | undefined): TwinValue | undefined {
  return side === undefined ? undefined : { value: side.value, metadata: { timestamp: side.timestamp } };
}

/** The twin as a message, of its `sides` only; no sides given: both. Absent sides vanish in JSON. */
export function msgTwin(twin: Twin, sides?: readonly ('expected' | 'actual')[]): MsgTwin {
  const expected = sides === undefined || sides.includes('expected') ? twinValue(twin.expected) : undefined;
  const actual = sides === undefined || sides.includes('actual') ? twinValue(twin.actual) : undefined;
  return {
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
    optional: twin.optional,
    metadata: { type: twin.type },
  };
}

export function errorResult(eventId: string, timestamp: number, code: number, reason: string): string {
  return JSON.stringify({ event_id: eventId, timestamp, code, reason });
}

export function updateResult(eventId: string, timestamp: number, changes: readonly TwinChange[]): string {
  const twin = record<MsgTwin | null>();
  for (const change of changes) if (change.tell) twin[change.after.name] = change.result;
  return JSON.stringify({ event_id: eventId, timestamp, twin });
}

/** undefined when there is nothing to document. */
export function updateDocument(
  eventId: string,
  timestamp: number,
  changes: readonly TwinChange[],
): string | undefined {
  const twin = record<{ last: MsgTwin | null; current: MsgTwin | null }>();
  let any = false;
  for (const { tell, after, last, current } of changes) {
    if (!tell) continue;
    twin[after.name] = { last, current };
    any = true;
  }
  return any ? JSON.stringify({ event_id: eventId, timestamp, twin }) : undefined;
}

/** Over all twins with an expected value; undefined when every actual value equals it (§6.7). */
export function updateDelta(uuid: () => string, timestamp: number, device: Device): string | undefined {
  const delta = record<string>();
  let any = false;
  for (const twin of device.twins.values()) {
    const wanted = wantedValue(twin);
    if (wanted === undefined || wanted === twin.actual?.value) continue;
    delta[twin.name] = wanted;
    any = true;
  }
  if (!any) return undefined;
  const twin = record<MsgTwin>();
  for (const one of device.twins.values()) {
    if (wantedValue(one) !== undefined) twin[one.name] = msgTwin(one);
  }
  return JSON.stringify({ event_id: uuid(), timestamp, twin, delta });
}

function wantedValue(twin: Twin): string | undefined {
  return twin.type === DELETED ? undefined : twin.expected?.value || undefined;
}

export function twinGetResult(eventId: string, timestamp: number, device: Device): string {
  const twin = record<MsgTwin>();
  for (const one of device.twins.values()) if (one.type !== DELETED) twin[one.name] = msgTwin(one);
  return JSON.stringify({ event_id: eventId, timestamp, twin });
}

/** Also what the cloud gets, as a string (§8.4). */
export function stateResult(eventId: string, timestamp: number, device: Device): string {
  return JSON.stringify({
    event_id: eventId,
    timestamp,
    device: {
      name: device.name,
      state: device.state,
      ...(device.lastOnline === '' ? {} : { lastOnlineTime: device.lastOnline }),
    },
  });
}

export function msgAttr(attribute: Attribute): MsgAttr {
  return { value: attribute.value, optional: attribute.optional, metadata: { type: attribute.type } };
}

export function membershipGetResult(eventId: string, timestamp: number, devices: Iterable<Device>): string {
  const list = [];
  for (const { id, name, description, state, lastOnline, attributes } of devices) {
    const attrs = record<MsgAttr>();
    for (const [key, attribute] of attributes) attrs[key] = msgAttr(attribute);
    list.push({
      id,
      name,
      ...(description === '' ? {} : { description }),
      ...(state === '' ? {} : { state }),
      ...(lastOnline === '' ? {} : { last_online: lastOnline }),
      ...(attributes.size === 0 ? {} : { attributes: attrs }),
    });
  }
  return JSON.stringify({ event_id: eventId, timestamp, devices: list });
}

/** Changed attributes; null for a deleted one (§4.3). */
export function attributesUpdated(
  eventId: string,
  timestamp: number,
  changed: ReadonlyMap<string, Attribute | null>,
): string {
  const attributes = record<MsgAttr | null>();
  for (const [name, attribute] of changed) attributes[name] = attribute === null ? null : msgAttr(attribute);
  return JSON.stringify({ event_id: eventId, timestamp, attributes });
}

export function membershipUpdated(
  eventId: string,
  timestamp: number,
  side: 'added_devices' | 'removed_devices',
  device: object,
): string {
  return JSON.stringify({
    event_id: eventId,
    timestamp,
    added_devices: side === 'added_devices' ? [device] : null,
    removed_devices: side === 'removed_devices' ? [device] : null,
  });
}
