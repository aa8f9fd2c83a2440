import type { ObjectSync } from '@kubeedge-ts/apis';
import { cloudcoreErrors, errorText } from '@kubeedge-ts/errors';
import {
  isAlreadyExists,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  type KubeClient,
  statusOf,
} from '@kubeedge-ts/kube';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import { createLazyWrites } from './lazy-writes.ts';
import {
  NOTHING_CONFIRMED,
  type QueueCommand,
  type QueueEvent,
  type SyncRecord,
} from './node-queue-types.ts';
import type { ObjectIdentity } from './object-kind.ts';
import { createQuietWatch } from './quiet-watch.ts';
import { newRecord, readRecord, recordName, recordResource } from './record-codec.ts';
import { type ListedRecord, listRecords } from './record-list.ts';
import { createRecordWriter, type KnownRecord, keyOfRecord, RECORD_RETRY } from './record-writer.ts';
import { createSemaphore } from './semaphore.ts';

export type RecordCommand = Extract<
  QueueCommand,
  { type: 'create-record' | 'reset-record' | 'advance-record' | 'seal-record' | 'delete-record' }
>;

export interface ObjectSyncOptions {
  readonly kube: Pick<KubeClient, 'get' | 'list' | 'create' | 'patch' | 'delete'>;
  /** UID of `kube-system`. */
  readonly cluster: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** This cloudcore holds the node's newest connection. */
  readonly owns: (node: string) => boolean;
  /** Called with the outcome of a command, never from within `execute`. */
  readonly report: (node: string, event: QueueEvent) => void;
  /** Lazy notes per second over all nodes; default 50. */
  readonly advancesPerSecond?: number;
  /** How long a note waits for a newer one, ms; default 1 s. */
  readonly advanceDelayMs?: number;
  /** Creates, resets and deletes under way at a time; default 32. */
  readonly concurrency?: number;
  /** After this time without a note the hash is added to a record, ms; default 10 min. */
  readonly quietMs?: number;
}

/** What the API server remembers of every node (spec/message-protocol.md §4.5, DESIGN §5). */
export interface ObjectSyncs {
  /** Lists the records once for all nodes; keeps trying. */
  start(): void;
  /**
   * The records of a node. `fresh`: from a list that begins after this call, which all nodes that ask meanwhile share.
   *
   * @throws the reason of `stop`
   */
  load(node: string, fresh: boolean): Promise<readonly SyncRecord[]>;
  /** Carries a command of the node's queue out; never throws. */
  execute(node: string, command: RecordCommand): void;
  /** Writes the notes that wait, until the signal aborts, then ends everything. */
  stop(signal: AbortSignal): Promise<void>;
  /** Notes that wait. */
  readonly waiting: number;
}

export function createObjectSyncs(options: ObjectSyncOptions): ObjectSyncs {
  const { kube, cluster, clock, random, log, owns, report } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const known = new Map<string, KnownRecord>();
  const limited = createSemaphore(options.concurrency ?? 32);
  const writer = createRecordWriter({ kube, clock, random, log, cluster, owns, limited, signal });
  const perSecond = options.advancesPerSecond ?? 50;
  const lazy = createLazyWrites<{ version: string; store: string | undefined }>({
    clock,
    perSecond,
    burst: perSecond,
    delayMs: options.advanceDelayMs ?? 1_000,
    concurrency: 8,
    write: async (name, { version, store }) => {
      const record = known.get(name);
      if (record === undefined) return;
      const outcome = await writer.advance(record, version, store);
      if (outcome === 'gone') lost(record);
      else if (outcome === 'done' && version !== NOTHING_CONFIRMED) quiet.touch(name);
    },
  });
  const quiet = createQuietWatch({
    clock,
    afterMs: options.quietMs ?? 600_000,
    perSecond,
    quiet: (name) => {
      const record = known.get(name);
      if (record !== undefined) report(record.node, { type: 'quiet', uid: record.uid });
    },
  });

  // A list is kept until every node has taken its part: nodes ask for theirs when they connect.
  let listed: Promise<Map<string, ListedRecord[]>> | undefined;
  let nextList: typeof listed;
  const taken = new Set<string>();
  const asking = new Set<string>();
  const list = async (): Promise<Map<string, ListedRecord[]>> => {
    const byNode = await listRecords({ kube, clock, random, log }, signal);
    for (const node of byNode.keys()) if (taken.has(node) && !asking.has(node)) byNode.delete(node);
    return byNode;
  };
  const firstList = () => {
    listed ??= list();
    // Whoever awaits it sees the failure; nobody may.
    listed.catch(() => undefined);
    return listed;
  };
  const freshList = () => {
    nextList ??= (listed ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        nextList = undefined;
        listed = undefined;
        return firstList();
      });
    return nextList;
  };

  const remember = (node: string, { record, resourceVersion }: ListedRecord): SyncRecord => {
    const { uid, namespace, version, cluster: madeIn, store } = record;
    const name = recordName(node, uid);
    known.set(name, { node, uid, name, namespace, resourceVersion, version, cluster: madeIn, store });
    return record;
  };

  const lost = ({ node, uid, name }: KnownRecord): void => {
    known.delete(name);
    quiet.forget(name);
    report(node, { type: 'record-gone', uid });
  };

  const adopt = (node: string, object: ObjectIdentity, stored: ObjectSync): SyncRecord => {
    const read = readRecord(stored)?.record;
    const record = { ...object, version: NOTHING_CONFIRMED, hash: undefined, cluster, store: undefined };
    const name = recordName(node, object.uid);
    known.set(name, {
      node,
      uid: object.uid,
      name,
      namespace: object.namespace,
      resourceVersion: stored.metadata.resourceVersion ?? '',
      version: stored.status?.objectResourceVersion ?? '',
      cluster: read?.cluster,
      store: read?.store,
    });
    return read ?? record;
  };

  /** One attempt; undefined: try again. */
  const tryCreate = async (
    node: string,
    object: ObjectIdentity,
    store: string | undefined,
  ): Promise<QueueEvent | undefined> => {
    const { uid } = object;
    const resource = recordResource(object);
    const record = newRecord(node, object, cluster, store);
    try {
      const created = await kube.create(resource, record, { signal });
      adopt(node, object, created);
      // A custom resource is created without its status: that one is written when there is time.
      const { name } = created.metadata;
      if (created.status === undefined) lazy.put(name, { version: NOTHING_CONFIRMED, store });
      return { type: 'record-created', uid };
    } catch (error) {
      if (isAlreadyExists(error)) {
        const key = { namespace: object.namespace, name: record.metadata.name };
        const stored = await kube.get(resource, key, { signal });
        return { type: 'record-created', uid, found: adopt(node, object, stored) };
      }
      if (!isRefusal(error)) throw error;
      const refused = cloudcoreErrors.create(
        'CLOUDCORE_RECORD_REFUSED',
        { name: record.metadata.name },
        error,
      );
      log.warn({ node, code: refused.code, err: errorText(refused) }, 'object is delivered without a record');
      return { type: 'record-refused', uid };
    }
  };

  const create = async (node: string, object: ObjectIdentity, store: string | undefined): Promise<void> => {
    const backoff = createBackoff(RECORD_RETRY, random);
    while (!signal.aborted) {
      try {
        const outcome = await limited(() => tryCreate(node, object, store));
        if (outcome !== undefined) report(node, outcome);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!owns(node)) {
          report(node, { type: 'record-gone', uid: object.uid });
          return;
        }
        const about = { node, uid: object.uid, err: errorText(error) };
        log.warn(about, 'record not created, will retry');
        await sleep(clock, backoff.next(), signal).catch(() => undefined);
      }
    }
  };

  const reset = async (record: KnownRecord): Promise<void> => {
    quiet.forget(record.name);
    await lazy.cancel(record.name);
    const outcome = await writer.reset(record, NOTHING_CONFIRMED);
    if (outcome === 'done') report(record.node, { type: 'record-reset', uid: record.uid });
    else lost(record);
  };

  const seal = async (record: KnownRecord, version: string, hash: string): Promise<void> => {
    const outcome = record.version === version ? await writer.seal(record, version, hash) : 'foreign';
    if (outcome === 'gone') lost(record);
    else report(record.node, { type: 'record-sealed', uid: record.uid, sealed: outcome === 'done' });
  };

  const remove = async (record: KnownRecord): Promise<void> => {
    quiet.forget(record.name);
    await lazy.cancel(record.name);
    const backoff = createBackoff(RECORD_RETRY, random);
    while (!signal.aborted) {
      try {
        await limited(() => kube.delete(recordResource(record), keyOfRecord(record), { signal }));
        break;
      } catch (error) {
        if (isNotFound(error) || !owns(record.node)) break;
        if (signal.aborted) return;
        log.warn({ record: record.name, err: errorText(error) }, 'record not deleted, will retry');
        await sleep(clock, backoff.next(), signal).catch(() => undefined);
      }
    }
    if (!signal.aborted) lost(record);
  };

  return {
    start: () => void firstList(),
    async load(node, fresh) {
      asking.add(node);
      taken.add(node);
      try {
        const byNode = await (fresh ? freshList() : firstList());
        signal.throwIfAborted();
        const records = byNode.get(node) ?? [];
        byNode.delete(node);
        return records.map((record) => remember(node, record));
      } finally {
        asking.delete(node);
      }
    },
    execute(node, command) {
      if (command.type === 'create-record') {
        void create(node, command.object, command.store);
        return;
      }
      const record = known.get(recordName(node, command.uid));
      if (record === undefined) {
        // It went while the command was on its way.
        queueMicrotask(() => report(node, { type: 'record-gone', uid: command.uid }));
      } else if (command.type === 'advance-record') {
        lazy.put(record.name, { version: command.version, store: command.store });
      } else if (command.type === 'reset-record') void reset(record);
      else if (command.type === 'seal-record') void seal(record, command.version, command.hash);
      else void remove(record);
    },
    async stop(deadline) {
      await lazy.flush(deadline);
      stopping.abort(new Error('cloudhub is stopping'));
      lazy.stop();
      quiet.stop();
    },
    get waiting() {
      return lazy.size;
    },
  };
}

/** The API server will not take this record later either. */
function isRefusal(error: unknown): boolean {
  const missingNamespace = isNotFound(error) && statusOf(error)?.details?.kind === 'namespaces';
  return isNamespaceTerminating(error) || isInvalid(error) || missingNamespace;
}
