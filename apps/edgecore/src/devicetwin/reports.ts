import {
  type DeviceTwinUpdate,
  EDGE_MODULES,
  GROUPS,
  type Message,
  type MessageOrigin,
  type MsgTwin,
  newMessage,
  OPERATIONS,
} from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import { msgTwin, record } from './payloads.ts';
import { DELETED, type Device, type Twin } from './types.ts';

/**
 * Reports to the cloud (spec/mqtt-and-devicetwin.md §8.4, §10.3). Per device one twin report and one state report are
 * under way; what changes meanwhile is remembered by property and side and sent with its newest value. Nothing is
 * lost while the cloud is away, and nothing old is sent afterwards.
 */
export interface Reports {
  twinChanged(id: string, name: string, sides: { expected?: boolean; actual?: boolean }): void;
  stateChanged(id: string, stateResult: string): void;
  /** The device left this node. */
  forget(id: string): void;
  /** True when `parentId` is a report's id. */
  confirmed(parentId: string): boolean;
  connected(): void;
  disconnected(): void;
  /** Sends what may be sent now; called after each commit. */
  flush(): void;
  stop(): void;
}

export interface ReportsOptions {
  readonly send: (message: Message) => Promise<void>;
  /** Brings about a `flush` when memory and store agree. */
  readonly wake: () => void;
  readonly device: (id: string) => Device | undefined;
  readonly clock: Clock;
  readonly origin: MessageOrigin;
  readonly log: Logger;
  /** An unconfirmed report is sent again after this; default 60 s. */
  readonly confirmMs?: number;
  /** New values no longer wait for the confirmation of older ones after this; default 5 s. */
  readonly patienceMs?: number;
}

const EXPECTED = 1;
const ACTUAL = 2;

interface Lane<Content> {
  /** What changed since the last report; undefined: nothing. */
  dirty: Content | undefined;
  /** The report under way. */
  sent: { readonly id: string; readonly content: Content; readonly at: number } | undefined;
}
type Sides = Map<string, number>;
interface Entry {
  readonly twins: Lane<Sides>;
  readonly state: Lane<string>;
}

export function createReports(options: ReportsOptions): Reports {
  const { send, clock, origin, log, confirmMs = 60_000, patienceMs = 5000 } = options;
  const entries = new Map<string, Entry>();
  const byMessage = new Map<string, { readonly id: string; readonly lane: Lane<Sides> | Lane<string> }>();
  const ready = new Set<string>();
  let online = false;
  let cancelTimer: (() => void) | undefined;

  const entryOf = (id: string): Entry => {
    let entry = entries.get(id);
    if (entry === undefined) {
      entry = { twins: { dirty: undefined, sent: undefined }, state: { dirty: undefined, sent: undefined } };
      entries.set(id, entry);
    }
    return entry;
  };

  /** What was sent counts as unsent again; newer changes stay on top. */
  const takeBack = <C>(lane: Lane<C>, merge: (older: C, newer: C) => C): void => {
    if (lane.sent === undefined) return;
    byMessage.delete(lane.sent.id);
    lane.dirty = lane.dirty === undefined ? lane.sent.content : merge(lane.sent.content, lane.dirty);
    lane.sent = undefined;
  };
  const takeBackAll = (entry: Entry): void => {
    takeBack(entry.twins, mergeSides);
    takeBack(entry.state, (_, newer) => newer);
  };

  /** Whether a report may leave now, else when. */
  const due = (lane: Lane<unknown>, now: number): number => {
    if (lane.sent === undefined) return lane.dirty === undefined ? Number.POSITIVE_INFINITY : now;
    return lane.sent.at + (lane.dirty === undefined ? confirmMs : patienceMs);
  };

  const dispatch = <C>(id: string, lane: Lane<C>, resource: string, content: C, body: unknown): void => {
    const message = newMessage(origin, {
      source: EDGE_MODULES.deviceTwin,
      group: GROUPS.resource,
      operation: OPERATIONS.update,
      resource,
      content: body,
    });
    const sent = { id: message.header.msg_id, content, at: clock.monotonic() };
    lane.sent = sent;
    lane.dirty = undefined;
    byMessage.set(sent.id, { id, lane: lane as Lane<Sides> | Lane<string> });
    send(message).catch((error) => {
      // Stays unconfirmed and is sent again when its time comes.
      log.warn({ device: id, err: errorText(error) }, 'report was not handed to the cloud connection');
    });
  };

  const flushDevice = (id: string, entry: Entry, now: number): void => {
    if (due(entry.twins, now) <= now) {
      takeBack(entry.twins, mergeSides);
      const content = entry.twins.dirty as Sides;
      const body = twinReport(origin, options.device(id), content);
      if (body === undefined) entry.twins.dirty = undefined;
      else dispatch(id, entry.twins, `device/${id}/twin/edge_updated`, content, body);
    }
    if (due(entry.state, now) <= now) {
      takeBack(entry.state, (_, newer) => newer);
      const content = entry.state.dirty as string;
      dispatch(id, entry.state, `device/${id}/state/update`, content, content);
    }
  };

  const flushAll = (): void => {
    const now = clock.monotonic();
    for (const [id, entry] of entries) flushDevice(id, entry, now);
    schedule();
  };

  const schedule = (): void => {
    if (!online || cancelTimer !== undefined || entries.size === 0) return;
    cancelTimer = clock.after(patienceMs, () => {
      cancelTimer = undefined;
      if (!online) return;
      for (const id of entries.keys()) ready.add(id);
      options.wake();
    });
  };

  const stopTimer = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
  };

  return {
    twinChanged(id, name, { expected, actual }) {
      const sides = (expected ? EXPECTED : 0) | (actual ? ACTUAL : 0);
      const lane = entryOf(id).twins;
      lane.dirty ??= new Map();
      lane.dirty.set(name, (lane.dirty.get(name) ?? 0) | sides);
      ready.add(id);
    },
    stateChanged(id, stateResult) {
      entryOf(id).state.dirty = stateResult;
      ready.add(id);
    },
    forget(id) {
      const entry = entries.get(id);
      if (entry === undefined) return;
      for (const lane of [entry.twins, entry.state]) if (lane.sent) byMessage.delete(lane.sent.id);
      entries.delete(id);
      ready.delete(id);
    },
    confirmed(parentId) {
      const found = byMessage.get(parentId);
      if (found === undefined) return false;
      byMessage.delete(parentId);
      found.lane.sent = undefined;
      const entry = entries.get(found.id);
      if (entry === undefined) return true;
      if (entry.twins.dirty !== undefined || entry.state.dirty !== undefined) ready.add(found.id);
      else if (entry.twins.sent === undefined && entry.state.sent === undefined) entries.delete(found.id);
      return true;
    },
    connected() {
      if (online) return;
      online = true;
      flushAll();
    },
    disconnected() {
      online = false;
      stopTimer();
      for (const entry of entries.values()) takeBackAll(entry);
    },
    flush() {
      if (!online || ready.size === 0) return;
      const now = clock.monotonic();
      for (const id of ready) {
        const entry = entries.get(id);
        if (entry !== undefined) flushDevice(id, entry, now);
      }
      ready.clear();
      schedule();
    },
    stop: stopTimer,
  };
}

function mergeSides(older: Sides, newer: Sides): Sides {
  const merged = new Map(older);
  for (const [name, sides] of newer) merged.set(name, sides | (merged.get(name) ?? 0));
  return merged;
}

/** The newest values of the sides that changed; undefined when the device is gone. */
function twinReport(
  origin: MessageOrigin,
  device: Device | undefined,
  changed: Sides,
): DeviceTwinUpdate | undefined {
  if (device === undefined) return undefined;
  const twin = record<MsgTwin>();
  let any = false;
  for (const [name, sides] of changed) {
    const stored = device.twins.get(name);
    if (stored === undefined) continue;
    twin[name] = reportOf(stored, sides);
    any = true;
  }
  return any ? { event_id: origin.uuid(), timestamp: origin.now(), twin } : undefined;
}

function reportOf(twin: Twin, sides: number): MsgTwin {
  const all = twin.type === DELETED;
  const wanted = (['expected', 'actual'] as const).filter(
    (side) => (sides & (side === 'expected' ? EXPECTED : ACTUAL)) !== 0,
  );
  const expectedVersion = all || wanted.includes('expected') ? twin.expectedVersion : undefined;
  const actualVersion = all || wanted.includes('actual') ? twin.actualVersion : undefined;
  return {
    ...msgTwin(twin, wanted),
    ...(expectedVersion === undefined ? {} : { expected_version: expectedVersion }),
    ...(actualVersion === undefined ? {} : { actual_version: actualVersion }),
  };
}
