import { isRecord, parseJson } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../../metamanager/meta-client.ts';
import type { DriverNode } from './drivers.ts';

const ANNOTATION = 'csi.volume.kubernetes.io/nodeid';

/** Tells the cluster what the drivers call this node, by annotation and topology labels (spec/edged.md §12.5). */
export interface NodeIds {
  /** A driver is there, or is gone. */
  set(driver: string, node: DriverNode | undefined): void;
  /** The cloud is back. */
  poke(): void;
  /** Until the signal aborts. Registration does not wait for it: drivers serve pods while the cloud is away. */
  run(signal: AbortSignal): Promise<void>;
}

export function createNodeIds(options: {
  readonly nodeName: string;
  readonly meta: Pick<MetaClient, 'getNode' | 'patchNode'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}): NodeIds {
  const { nodeName, meta, clock, random, log } = options;
  /** What is to be told; undefined: that it is gone. */
  const wanted = new Map<string, DriverNode | undefined>();
  let awake = Promise.withResolvers<void>();
  let dirty = false;

  const wake = (): void => awake.resolve();

  const publish = async (): Promise<void> => {
    const telling = new Map(wanted);
    const node = await meta.getNode(nodeName);
    if (node === undefined) throw new Error('the node is not registered yet');
    const patch = nodeIdPatch(node.metadata, telling);
    if (patch !== undefined) await meta.patchNode(nodeName, { metadata: patch });
    for (const [driver, told] of telling) {
      if (told === undefined && wanted.get(driver) === undefined) wanted.delete(driver);
    }
  };

  return {
    set(driver, node) {
      wanted.set(driver, node);
      dirty = true;
      wake();
    },
    poke() {
      dirty ||= wanted.size > 0;
      wake();
    },
    async run(signal) {
      const backoff = createBackoff({ initialMs: 500, maxMs: 60_000 }, random);
      const onAbort = (): void => wake();
      signal.addEventListener('abort', onAbort, { once: true });
      while (!signal.aborted) {
        let waitMs: number | undefined;
        if (dirty) {
          dirty = false;
          try {
            await publish();
            backoff.reset();
          } catch (error) {
            dirty = true;
            waitMs = backoff.next();
            log.debug({ err: errorText(error), waitMs: Math.round(waitMs) }, 'CSI node ids are not told yet');
          }
        }
        if (dirty && waitMs === undefined) continue;
        const alarm = new AbortController();
        const timer = waitMs === undefined ? [] : [sleep(clock, waitMs, alarm.signal).catch(() => undefined)];
        if (!signal.aborted) await Promise.race([awake.promise, ...timer]);
        alarm.abort();
        awake = Promise.withResolvers<void>();
      }
      signal.removeEventListener('abort', onAbort);
    },
  };
}

interface NodeMetadata {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The change of the node's metadata; undefined when nothing is to be changed. Ids of other drivers stay. */
export function nodeIdPatch(
  { annotations = {}, labels = {} }: NodeMetadata,
  drivers: ReadonlyMap<string, DriverNode | undefined>,
): { annotations?: Record<string, string | null>; labels?: Record<string, string> } | undefined {
  const before = annotations[ANNOTATION];
  const ids = readIds(before);
  const topology: Record<string, string> = {};
  for (const [driver, node] of drivers) {
    if (node === undefined) ids.delete(driver);
    else ids.set(driver, node.nodeId);
    for (const [key, value] of Object.entries(node?.topology ?? {})) {
      if (labels[key] !== value) topology[key] = value;
    }
  }
  const sorted = [...ids].sort(([a], [b]) => (a < b ? -1 : 1));
  const after = sorted.length === 0 ? undefined : JSON.stringify(Object.fromEntries(sorted));
  const patch = {
    ...(after === before ? {} : { annotations: { [ANNOTATION]: after ?? null } }),
    ...(Object.keys(topology).length === 0 ? {} : { labels: topology }),
  };
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function readIds(text: string | undefined): Map<string, string> {
  if (text === undefined) return new Map();
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    // Unreadable: what is registered is written anew.
    return new Map();
  }
  if (!isRecord(value)) return new Map();
  return new Map(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
