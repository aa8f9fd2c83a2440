import type { Event as KubeEvent } from '@kubeedge-ts/apis';
import { edgecoreErrors, errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random } from '@kubeedge-ts/runtime';
import type { Statement, Store } from '@kubeedge-ts/store';
import { dropEvent, dropEventsUpTo, type EventRow, LOAD_EVENTS, putEvent, readEvent } from './event-rows.ts';
import type { EventSender } from './event-sender.ts';

export interface EventOutboxOptions {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly sender: EventSender;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Events that wait at most; default 1,024. */
  readonly capacity?: number;
}

/** Events on their way to the cloud: durable, in order, each told once it can be (DESIGN §6). */
export interface EventOutbox {
  /** Takes up what an earlier run left. */
  load(): Promise<void>;
  setConnected(connected: boolean): void;
  /** Resolves when durable. @throws KubeEdgeError STORE_*, the event is told all the same while the process lives; EDGE_SEND_REFUSED */
  report(event: KubeEvent): Promise<void>;
  /** Resolves when nothing is being sent. */
  stop(): Promise<void>;
  readonly counters: { readonly dropped: number; readonly refused: number };
}

interface Waiting extends EventRow {
  text: string;
  operation: 'insert' | 'update';
  /** It may have reached the cloud: what is new about it must be said in a message of its own. */
  attempted: boolean;
  failures: number;
}

const CAPACITY = 1_024;
const MAX_BYTES = 2_097_152;
/** Far above what the API server takes. */
const MAX_EVENT_BYTES = 65_536;
const RETRY = { initialMs: 1_000, maxMs: 60_000 };
/** An event the cloud keeps failing to write, while it writes others, holds up the rest so often. */
const MAX_FAILURES = 6;
/** Rows of told events go together: one that stays is told twice, which is harmless. */
const NOTE_EVERY = 16;

export function createEventOutbox(options: EventOutboxOptions): EventOutbox {
  const { store, sender, clock, random, log, capacity = CAPACITY } = options;
  const backoff = createBackoff(RETRY, random);
  const counters = { dropped: 0, refused: 0 };
  let queue: Waiting[] = [];
  let bytes = 0;
  /** Names of events that were handed on as new; later ones of that name are updates. */
  const inserted = new Set<string>();
  let underway = 0;
  let connected = false;
  let stopped = false;
  let working: Promise<void> | undefined;
  let cancelWait: (() => void) | undefined;
  let seq = 0;
  /** Told since the store was last told so, and the newest of them. */
  let unnoted = 0;
  let toldSeq = 0;

  const pump = (): void => {
    if (!connected || working !== undefined || cancelWait !== undefined || queue.length === 0) return;
    working = work().finally(() => {
      working = undefined;
      pump();
    });
  };

  const work = async (): Promise<void> => {
    const batch = queue.slice(0, sender.batch);
    for (const event of batch) event.attempted = true;
    underway = batch.length;
    const outcome = await sender.send(batch);
    underway = 0;
    if (outcome.is !== 'failed') {
      backoff.reset();
      if (outcome.is === 'refused') giveUp(batch, outcome.reason);
      await finish(batch);
      return;
    }
    for (const event of batch) if (!outcome.patient) event.failures += 1;
    if (batch.length === 1 && (batch[0]?.failures ?? 0) >= MAX_FAILURES) {
      giveUp(batch, errorText(outcome.error));
      await finish(batch);
      return;
    }
    if (!connected || stopped) return;
    log.info(
      { waiting: queue.length, err: errorText(outcome.error) },
      'cloud did not take an event, repeating',
    );
    cancelWait = clock.after(backoff.next(), () => {
      cancelWait = undefined;
      pump();
    });
  };

  const giveUp = (events: readonly Waiting[], reason: string): void => {
    counters.refused += events.length;
    for (const { namespace, name } of events) {
      log.warn({ event: `${namespace}/${name}`, reason }, 'event is not wanted by the cloud and is given up');
    }
  };

  const finish = async (events: readonly Waiting[]): Promise<void> => {
    for (const { text } of events) bytes -= text.length;
    queue = queue.slice(events.length);
    toldSeq = events.at(-1)?.seq ?? toldSeq;
    unnoted += events.length;
    if (queue.length === 0 || unnoted >= NOTE_EVERY) await noteTold();
  };

  const noteTold = async (): Promise<void> => {
    if (unnoted === 0) return;
    unnoted = 0;
    await store
      .write([dropEventsUpTo(toldSeq)])
      .catch((error) => log.warn({ err: errorText(error) }, 'told events are still stored'));
  };

  /** The newest row of this event, if all of it is still to be said. */
  const unsaid = (namespace: string, name: string): Waiting | undefined => {
    const event = queue.findLast((one) => one.namespace === namespace && one.name === name);
    return event?.attempted === false ? event : undefined;
  };

  const operationOf = (namespace: string, name: string): 'insert' | 'update' => {
    const id = `${namespace}/${name}`;
    const known = inserted.has(id);
    inserted.delete(id);
    inserted.add(id);
    if (inserted.size > CAPACITY) inserted.delete(inserted.values().next().value as string);
    return known ? 'update' : 'insert';
  };

  /** Takes out the oldest ones that are too many, but none that is being sent. */
  const makeRoom = (): Statement[] => {
    const drops: Statement[] = [];
    while ((queue.length > capacity || bytes > MAX_BYTES) && queue.length > underway + 1) {
      const [oldest] = queue.splice(underway, 1) as [Waiting];
      bytes -= oldest.text.length;
      inserted.delete(`${oldest.namespace}/${oldest.name}`);
      drops.push(dropEvent(oldest.seq));
      counters.dropped += 1;
      if (counters.dropped % capacity !== 1) continue;
      log.warn({ waiting: queue.length, dropped: counters.dropped }, 'too many events wait, the oldest go');
    }
    return drops;
  };

  return {
    counters,

    async load() {
      for (const row of await store.read(LOAD_EVENTS)) {
        const event = readEvent(row);
        if (event === undefined) continue;
        seq = event.seq;
        bytes += event.text.length;
        queue.push({ ...event, attempted: true, failures: 0 });
      }
    },

    setConnected(now) {
      if (now === connected || stopped) return;
      connected = now;
      cancelWait?.();
      cancelWait = undefined;
      backoff.reset();
      pump();
    },

    async report(event) {
      const { namespace = 'default', name } = event.metadata;
      const text = JSON.stringify(event);
      if (text.length > MAX_EVENT_BYTES) {
        const problem = `the event has ${text.length} bytes, at most ${MAX_EVENT_BYTES} are taken`;
        const details = { operation: 'insert', resource: `${namespace}/event/${name}`, problem };
        throw edgecoreErrors.create('EDGE_SEND_REFUSED', details);
      }
      let waiting = unsaid(namespace, name);
      if (waiting === undefined) {
        seq += 1;
        const operation = operationOf(namespace, name);
        waiting = { seq, namespace, name, operation, text, attempted: false, failures: 0 };
        queue.push(waiting);
      } else {
        bytes -= waiting.text.length;
        waiting.text = text;
      }
      bytes += text.length;
      const drops = makeRoom();
      try {
        await store.write([...drops, putEvent(waiting)]);
      } finally {
        // A disk that is full must not silence the node.
        pump();
      }
    },

    async stop() {
      stopped = true;
      connected = false;
      cancelWait?.();
      await working;
      await noteTold();
    },
  };
}
