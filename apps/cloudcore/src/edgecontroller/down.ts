import type { Clock } from '@kubeedge-ts/runtime';
import type { Downstream, DownstreamObject } from '../cloudhub/downstream.ts';
import type { Caches } from './caches.ts';
import { type Wanted, wantedObjects } from './wanted.ts';

export interface DownPorts {
  readonly downstream: Pick<Downstream, 'want' | 'unwant' | 'settled'>;
  readonly clock: Clock;
  /** How long a pod waits for references that cannot be read, ms. */
  readonly patienceMs: number;
}

export interface Down {
  /** What this node must have may have changed. */
  mark(node: string): void;
  /** To be called once, when the caches are ready. */
  begin(): void;
  /** Cancels what is pending. */
  end(): void;
}

const NOTHING: ReadonlyMap<string, DownstreamObject> = new Map();

/**
 * Level-triggered: a change only marks a node; what it must have is then computed anew and compared with what was
 * last asked for. `settled` is told once, when every edge node has been computed with all caches complete.
 */
export function createDown(caches: Caches, { downstream, clock, patienceMs }: DownPorts): Down {
  const asked = new Map<string, Wanted['objects']>();
  const marked = new Set<string>();
  const waits = createWaits(clock, patienceMs, (node) => mark(node));
  let scheduled = false;
  let settled = false;
  let ended = false;

  const reconcile = (name: string): void => {
    const node = caches.edgeNode(name);
    const pods = node === undefined ? [] : caches.podsOf(name);
    caches.refer(name, pods);
    const before = asked.get(name) ?? NOTHING;
    const { objects, waiting } = wantedObjects({
      node,
      pods,
      config: caches.config,
      read: caches.read,
      // A pod the node has already is not taken away because something it refers to is being read again.
      impatient: ({ metadata: { uid = '' } }) => before.has(uid) || waits.isOver(uid),
    });
    for (const uid of before.keys()) if (!objects.has(uid)) downstream.unwant(name, uid);
    for (const [uid, object] of objects) {
      const last = before.get(uid);
      if (last?.hash !== object.hash || last.resourceVersion !== object.resourceVersion) {
        downstream.want(name, object);
      }
    }
    if (objects.size > 0) asked.set(name, objects);
    else asked.delete(name);
    waits.replace(
      name,
      waiting.map(({ metadata }) => metadata.uid ?? ''),
    );
  };

  const flush = (): void => {
    scheduled = false;
    if (ended || !caches.isReady) return;
    for (const name of marked) {
      marked.delete(name);
      reconcile(name);
    }
    if (!settled && caches.configSynced && waits.size === 0) {
      settled = true;
      downstream.settled('edgecontroller');
    }
  };
  const mark = (name: string): void => {
    marked.add(name);
    if (scheduled) return;
    scheduled = true;
    // One list of an informer marks many nodes at once.
    queueMicrotask(flush);
  };

  return {
    mark,
    begin() {
      for (const { metadata } of caches.edgeNodes()) marked.add(metadata.name);
      flush();
    },
    end() {
      ended = true;
      waits.clear();
    },
  };
}

/** Pods whose references are being read, each with the end of its patience. */
function createWaits(clock: Clock, patienceMs: number, over: (node: string) => void) {
  const waits = new Map<string, { node: string; isOver: boolean; cancel: () => void }>();
  const drop = (uid: string): void => {
    waits.get(uid)?.cancel();
    waits.delete(uid);
  };
  return {
    get size() {
      return waits.size;
    },
    isOver: (uid: string): boolean => waits.get(uid)?.isOver ?? false,
    /** Exactly these pods of the node wait. */
    replace(node: string, uids: readonly string[]): void {
      for (const [uid, wait] of waits) if (wait.node === node && !uids.includes(uid)) drop(uid);
      for (const uid of uids) {
        if (waits.has(uid)) continue;
        const wait = { node, isOver: false, cancel: () => {} };
        wait.cancel = clock.after(patienceMs, () => {
          wait.isOver = true;
          over(node);
        });
        waits.set(uid, wait);
      }
    },
    clear(): void {
      for (const uid of [...waits.keys()]) drop(uid);
    },
  };
}
