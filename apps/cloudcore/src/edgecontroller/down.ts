import type { Clock } from '@kubeedge-ts/runtime';
import type { Downstream } from '../cloudhub/downstream.ts';
import { createAsked } from '../controllers/asked.ts';
import type { EdgePeers } from '../controllers/edge-peers.ts';
import { createNodeMarks } from '../controllers/node-marks.ts';
import type { Caches } from './caches.ts';
import { serviceNamespaces, type WantedServices } from './service-cache.ts';
import { wantedObjects } from './wanted.ts';

const NO_SERVICES: WantedServices = { objects: [], complete: true };

export interface DownPorts {
  readonly downstream: Pick<Downstream, 'want' | 'unwant' | 'settled'>;
  readonly peers: Pick<EdgePeers, 'has' | 'forget'>;
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

/**
 * Names to CloudHub what every edge node must have, computed anew whenever it may have changed. `settled` is told
 * once, when every node has been computed with all caches complete.
 */
export function createDown(caches: Caches, { downstream, peers, clock, patienceMs }: DownPorts): Down {
  const asked = createAsked(downstream);
  const waits = createWaits(clock, patienceMs, (node) => marks.mark(node));
  let settled = false;

  const reconcile = (name: string): void => {
    const node = caches.edgeNode(name);
    const pods = node === undefined ? [] : caches.podsOf(name);
    caches.refer(name, pods);
    if (node === undefined) peers.forget(name);
    // One that has not connected yet is asked for the same as one of ours, so that nothing it has is taken away first.
    const linked = peers.has(name, 'services') === false ? undefined : serviceNamespaces(pods);
    caches.services.refer(name, linked);
    const before = asked.of(name);
    const { objects, waiting } = wantedObjects({
      node,
      pods,
      services: linked === undefined ? NO_SERVICES : caches.services.of(linked),
      config: caches.config,
      read: caches.read,
      // A pod the node has already is not taken away because something it refers to is being read again.
      impatient: ({ metadata: { uid = '' } }) => before.has(uid) || waits.isOver(uid),
    });
    asked.replace(name, objects);
    waits.replace(
      name,
      waiting.map(({ metadata }) => metadata.uid ?? ''),
    );
  };
  const settle = (): void => {
    if (settled || !caches.referencesSynced || waits.size > 0) return;
    settled = true;
    downstream.settled('edgecontroller');
  };
  const marks = createNodeMarks(() => caches.isReady, reconcile, settle);

  return {
    mark: marks.mark,
    begin() {
      for (const { metadata } of caches.edgeNodes()) marks.mark(metadata.name);
      marks.flush();
    },
    end() {
      marks.end();
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
