import { clusterObjectSyncs, type ObjectSync, objectSyncs, type Resource } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { KubeClient } from '@kubeedge-ts/kube';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { SyncRecord } from './node-queue-types.ts';
import { readRecord } from './record-codec.ts';

/** A record and the version of the record itself, for conditional writes. */
export interface ListedRecord {
  readonly record: SyncRecord;
  readonly resourceVersion: string;
}

export interface RecordListPorts {
  readonly kube: Pick<KubeClient, 'list'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const PAGE = 500;
const RETRY = { initialMs: 500, maxMs: 30_000 };

/**
 * Lists the records of all nodes at once, again and again until it works: one list serves however many nodes connect
 * meanwhile.
 *
 * @throws the signal's reason
 */
export async function listRecords(
  ports: RecordListPorts,
  signal: AbortSignal,
): Promise<Map<string, ListedRecord[]>> {
  const backoff = createBackoff(RETRY, ports.random);
  for (;;) {
    signal.throwIfAborted();
    try {
      const byNode = new Map<string, ListedRecord[]>();
      await listInto(byNode, objectSyncs, ports, signal);
      await listInto(byNode, clusterObjectSyncs, ports, signal);
      return byNode;
    } catch (error) {
      signal.throwIfAborted();
      ports.log.warn(
        { err: errorText(error) },
        'records of nodes cannot be listed, nothing is delivered yet',
      );
      await sleep(ports.clock, backoff.next(), signal);
    }
  }
}

async function listInto(
  byNode: Map<string, ListedRecord[]>,
  resource: Resource<ObjectSync>,
  { kube, log }: RecordListPorts,
  signal: AbortSignal,
): Promise<void> {
  let next: string | undefined;
  do {
    const page = await kube.list(resource, {
      limit: PAGE,
      signal,
      ...(next === undefined ? {} : { continue: next }),
    });
    for (const object of page.items) {
      const read = readRecord(object);
      if (read === undefined) {
        log.warn(
          { record: object.metadata.name, namespace: object.metadata.namespace },
          'record not understood',
        );
        continue;
      }
      const listed = { record: read.record, resourceVersion: object.metadata.resourceVersion ?? '' };
      const known = byNode.get(read.node);
      if (known === undefined) byNode.set(read.node, [listed]);
      else known.push(listed);
    }
    next = page.metadata.continue || undefined;
  } while (next !== undefined);
}
