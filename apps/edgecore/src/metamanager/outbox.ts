import { edgecoreErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';
import { canonicalJson } from './canonical-json.ts';
import { isUndecided, reasonOf } from './object-access.ts';
import { type Entry, entryKey, newEntry, nextWork, type ObjectName } from './outbox-entry.ts';
import { LOAD_OUTBOX, type OutboxRow, putOutbox, readOutbox } from './outbox-rows.ts';
import type { OutboxSender } from './outbox-sender.ts';

export interface OutboxOptions {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly sender: OutboxSender;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** A pod or node the cloud does not know; its rows are gone. */
  readonly onGone: (object: ObjectName) => void;
}

/** Status and deletions on their way to the cloud: durable, newest wins, one message in flight per object (DESIGN §6). */
export interface Outbox {
  /** Takes up what an earlier run left. */
  load(): Promise<void>;
  setConnected(connected: boolean): void;
  /** Resolves when durable. @throws KubeEdgeError STORE_*; the status is sent all the same while the process lives */
  report(object: ObjectName, status: object): Promise<void>;
  /** Asks for the deletion of a pod, after its last status. @throws as `report` */
  remove(pod: ObjectName): Promise<void>;
  /** The cloud has told the object's present state. */
  refreshed(object: ObjectName): void;
  /** The pod is gone, and with it what was still to be said about it. An empty UID means any of that name. */
  forget(pod: ObjectName): void;
  /** Ends retries; resolves when nothing is being sent. */
  stop(): Promise<void>;
}

/** Objects being sent at one time. */
const WINDOW = 32;
const RETRY = { initialMs: 1_000, maxMs: 60_000 };
/** Something in the cloud that rewrites a status, such as an admission webhook, is contradicted so often without a pause. */
const MAX_REWRITTEN = 3;
/** A cloud that gives no answer to so many statuses has none for it. */
const MAX_UNANSWERED = 3;
/** After this long a cluster takes a node for lost and rewrites the statuses of its pods (node monitor grace 40 s). */
const OUTAGE_MS = 30_000;

export function createOutbox(options: OutboxOptions): Outbox {
  const { store, sender, clock, random, log } = options;
  const entries = new Map<string, Entry>();
  /** Objects whose row is known to be what the cloud has. */
  const certain = new Set<string>();
  const queue: Entry[] = [];
  const sending = new Set<Promise<void>>();
  let connected = false;
  let stopped = false;
  let lastConnected: number | undefined;
  let seq = 0;

  const entryOf = (name: ObjectName): Entry => {
    const key = entryKey(name);
    const existing = entries.get(key);
    if (existing !== undefined) return existing;
    const entry = newEntry(name, createBackoff(RETRY, random), !certain.has(key));
    entries.set(key, entry);
    return entry;
  };

  const kick = (entry: Entry): void => {
    if (!connected || entry.state !== 'idle' || nextWork(entry) === undefined) return;
    if (entry.rewritten >= MAX_REWRITTEN && entry.statusSeq === 0 && entry.deleteSeq === 0) {
      pause(entry);
      return;
    }
    entry.state = 'queued';
    if (entry.kind === 'node') queue.unshift(entry);
    else queue.push(entry);
    pump();
  };

  const pause = (entry: Entry): void => {
    const { kind, namespace, name } = entry;
    log.warn({ kind, namespace, name }, 'the cloud keeps another status than it is told, repeating later');
    entry.state = 'waiting';
    entry.cancelWait = clock.after(entry.backoff.next(), () => {
      entry.rewritten = MAX_REWRITTEN - 1;
      wake(entry);
    });
  };

  const pump = (): void => {
    while (connected && sending.size < WINDOW) {
      const entry = queue.shift();
      if (entry === undefined) return;
      const work: Promise<void> = send(entry).finally(() => {
        sending.delete(work);
        pump();
      });
      sending.add(work);
    }
  };

  const send = async (entry: Entry): Promise<void> => {
    entry.state = 'sending';
    const work = nextWork(entry);
    try {
      const outcome = work === 'deletion' ? await sender.deletion(entry) : await sender.status(entry);
      if (entry.rewritten === 0) entry.backoff.reset();
      entry.statusFailed = false;
      entry.unanswered = 0;
      // After its deletion nothing is left to say of a pod, not even what nobody took before.
      if (work === 'deletion') entry.due = false;
      if (outcome === 'told') certain.add(entryKey(entry));
      else drop(entry);
      if (outcome === 'gone') options.onGone(entry);
      entry.state = 'idle';
      kick(entry);
    } catch (error) {
      entry.due = true;
      if (!isKubeEdgeError(error, 'EDGE_DISCONNECTED')) {
        const { kind, namespace, name } = entry;
        log.warn(
          { kind, namespace, name, work, err: errorText(error) },
          'cloud did not take a report, repeating',
        );
        entry.full = true;
        if (work === 'status') noteFailure(entry, error);
      }
      // Also after a lost connection: its end may not be known here yet, and a full send queue looks the same.
      entry.state = 'waiting';
      entry.cancelWait = stopped ? () => {} : clock.after(entry.backoff.next(), () => wake(entry));
    }
  };

  /** A deletion waits for the last status while that may still be taken, and does not wait for one that is refused. */
  const noteFailure = (entry: Entry, error: unknown): void => {
    const unanswered = reasonOf(error) === 'Timeout';
    entry.unanswered = unanswered ? entry.unanswered + 1 : 0;
    entry.statusFailed = unanswered ? entry.unanswered >= MAX_UNANSWERED : !isUndecided(error);
  };

  const wake = (entry: Entry): void => {
    entry.cancelWait();
    if (entry.state === 'waiting') entry.state = 'idle';
    kick(entry);
  };

  const drop = (entry: Entry): void => {
    entry.cancelWait();
    entry.wanted = undefined;
    entry.statusSeq = 0;
    entry.deleteSeq = 0;
    entries.delete(entryKey(entry));
    certain.delete(entryKey(entry));
  };

  const persist = async (entry: Entry, row: OutboxRow): Promise<void> => {
    entry.unsaved = true;
    try {
      await store.write([putOutbox(row)]);
      entry.unsaved = false;
    } finally {
      // A disk that is full must not silence the node; what is new does not wait for what is repeated.
      if (entry.rewritten >= MAX_REWRITTEN) wake(entry);
      else kick(entry);
    }
  };

  return {
    async load() {
      for (const raw of await store.read(LOAD_OUTBOX)) {
        const row = readOutbox(raw);
        if (row === undefined) continue;
        const { kind, namespace, name, uid } = row;
        seq = Math.max(seq, row.seq);
        const entry = entryOf({ kind: kind === 'nodestatus' ? 'node' : 'pod', namespace, name, uid });
        if (kind === 'poddelete') entry.deleteSeq = row.seq;
        else {
          entry.wanted = row.value;
          entry.statusSeq = row.seq;
        }
      }
    },

    setConnected(now) {
      if (now === connected || stopped) return;
      connected = now;
      if (!now) {
        lastConnected = clock.monotonic();
        for (const entry of queue.splice(0)) entry.state = 'idle';
        return;
      }
      if (lastConnected === undefined || clock.monotonic() - lastConnected >= OUTAGE_MS) {
        certain.clear();
        for (const entry of entries.values()) {
          entry.full = true;
          entry.due = true;
        }
      }
      for (const entry of entries.values()) {
        entry.backoff.reset();
        entry.rewritten = 0;
        wake(entry);
      }
    },

    async report(object, status) {
      const wanted = canonicalJson(status);
      const entry = entryOf(object);
      if (entry.deleteSeq > 0 && entry.wanted === undefined) return;
      if (entry.wanted === wanted && !entry.unsaved) return;
      seq += 1;
      entry.wanted = wanted;
      entry.statusSeq = seq;
      const kind = object.kind === 'pod' ? 'podstatus' : 'nodestatus';
      await persist(entry, { ...object, kind, value: wanted, seq });
    },

    async remove(pod) {
      if (pod.uid === '') throw edgecoreErrors.create('EDGE_SEND_REFUSED', { problem: 'a pod without UID' });
      const entry = entryOf(pod);
      if (entry.deleteSeq > 0 && !entry.unsaved) return;
      seq += 1;
      entry.deleteSeq = seq;
      await persist(entry, { ...pod, kind: 'poddelete', value: '', seq });
    },

    refreshed(object) {
      const key = entryKey(object);
      certain.add(key);
      const entry = entries.get(key);
      if (entry === undefined) return;
      entry.full = false;
      entry.due = true;
      kick(entry);
    },

    forget(pod) {
      certain.delete(entryKey(pod));
      for (const entry of [...entries.values()]) {
        const sameName =
          entry.namespace === pod.namespace && entry.name === pod.name && entry.kind === pod.kind;
        if (sameName && (pod.uid === '' || entry.uid === pod.uid)) drop(entry);
      }
    },

    async stop() {
      stopped = true;
      connected = false;
      for (const entry of entries.values()) entry.cancelWait();
      await Promise.allSettled(sending);
    },
  };
}
