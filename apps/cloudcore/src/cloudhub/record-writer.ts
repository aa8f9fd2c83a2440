import type { ObjectSync, Resource } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { isConflict, isNotFound, type KubeClient, type ObjectKey } from '@kubeedge-ts/kube';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import { CLUSTER_ANNOTATION, HASH_ANNOTATION, recordResource, STORE_ANNOTATION } from './record-codec.ts';

/** A record as the API server had it when we last saw it. */
export interface KnownRecord {
  readonly node: string;
  readonly uid: string;
  readonly name: string;
  /** The word `null` for a ClusterObjectSync. */
  readonly namespace: string;
  /** Version of the record itself: every write is conditional on it. */
  resourceVersion: string;
  /** `status.objectResourceVersion`; empty when there is no status yet. */
  version: string;
  cluster: string | undefined;
  store: string | undefined;
}

/** `foreign`: somebody else wrote the record, or may have: it is theirs now. */
export type WriteOutcome = 'done' | 'gone' | 'foreign';

export interface RecordWriterPorts {
  readonly kube: Pick<KubeClient, 'get' | 'patch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** UID of `kube-system`. */
  readonly cluster: string;
  /** This cloudcore holds the node's newest connection. */
  readonly owns: (node: string) => boolean;
  /** Bounds the calls under way. */
  readonly limited: <T>(call: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
}

export interface RecordWriter {
  /** Notes a confirmed version; gives way to whoever else wrote the record (LESSONS M6). */
  advance(record: KnownRecord, version: string, store: string | undefined): Promise<WriteOutcome>;
  /** Takes every claim back, whoever made it, as long as the node is ours. */
  reset(record: KnownRecord, version: string): Promise<WriteOutcome>;
  seal(record: KnownRecord, version: string, hash: string): Promise<WriteOutcome>;
}

/** A note that cannot be written is given up: the object is sent once more after the next start, no harm done. */
const ADVANCE_ATTEMPTS = 3;

export const RECORD_RETRY = { initialMs: 200, maxMs: 30_000 };

export function keyOfRecord(record: Pick<KnownRecord, 'name' | 'namespace'>): ObjectKey {
  return { namespace: record.namespace, name: record.name };
}

export function createRecordWriter(ports: RecordWriterPorts): RecordWriter {
  const { kube, clock, random, log, cluster, owns, limited, signal } = ports;
  const resourceOf = (record: KnownRecord): Resource<ObjectSync> => recordResource(record);

  const seen = (record: KnownRecord, object: ObjectSync): void => {
    record.resourceVersion = object.metadata.resourceVersion ?? '';
    record.version = object.status?.objectResourceVersion ?? '';
    record.cluster = object.metadata.annotations?.[CLUSTER_ANNOTATION];
    record.store = object.metadata.annotations?.[STORE_ANNOTATION];
  };

  const patch = async (record: KnownRecord, body: object, subresource?: 'status'): Promise<void> => {
    const conditional = {
      ...body,
      metadata: { ...(body as Partial<ObjectSync>).metadata, resourceVersion: record.resourceVersion },
    };
    const options = subresource === undefined ? { signal } : { signal, subresource };
    seen(
      record,
      await kube.patch(
        resourceOf(record),
        keyOfRecord(record),
        { type: 'merge', body: conditional },
        options,
      ),
    );
  };
  const writeVersion = async (record: KnownRecord, version: string): Promise<void> => {
    if (record.version === version) return;
    await patch(record, { status: { objectResourceVersion: version } }, 'status');
  };

  const reload = async (record: KnownRecord): Promise<void> => {
    seen(record, await kube.get(resourceOf(record), keyOfRecord(record), { signal }));
  };

  /** Tries until the write is done or has become pointless. */
  const persist = async (
    record: KnownRecord,
    { insists }: { insists: boolean },
    write: () => Promise<void>,
  ): Promise<WriteOutcome> => {
    const backoff = createBackoff(RECORD_RETRY, random);
    const attempt = async (stale: boolean): Promise<void> => {
      if (stale) await reload(record);
      await write();
    };
    for (let failures = 0; insists || failures < ADVANCE_ATTEMPTS; failures++) {
      try {
        await limited(() => attempt(failures > 0));
        return 'done';
      } catch (error) {
        if (signal.aborted) return 'foreign';
        if (isNotFound(error)) return 'gone';
        if (isConflict(error)) {
          if (insists && owns(record.node)) continue;
          await reload(record).catch(() => undefined);
          return 'foreign';
        }
        if (!owns(record.node)) return 'foreign';
        log.warn({ record: record.name, err: errorText(error) }, 'record not written, will retry');
        // An abort ends the next attempt.
        await sleep(clock, backoff.next(), signal).catch(() => undefined);
      }
    }
    return 'foreign';
  };

  return {
    advance: (record, version, store) =>
      persist(record, { insists: false }, async () => {
        // The version first: paired with the old cluster or store it proves nothing, the other way round it would.
        await writeVersion(record, version);
        if (record.cluster === cluster && record.store === store) return;
        await patch(record, {
          metadata: { annotations: { [CLUSTER_ANNOTATION]: cluster, [STORE_ANNOTATION]: store ?? null } },
        });
      }),
    reset: (record, version) => persist(record, { insists: true }, () => writeVersion(record, version)),
    seal: (record, version, hash) =>
      persist(record, { insists: false }, () =>
        patch(record, { metadata: { annotations: { [HASH_ANNOTATION]: `${version}:${hash}` } } }),
      ),
  };
}
