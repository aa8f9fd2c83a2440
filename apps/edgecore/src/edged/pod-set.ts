import type { Pod } from '@kubeedge-ts/apis';
import type { Logger } from '@kubeedge-ts/runtime';
import { isMirror, isStatic, isTerminal } from './pod/spec.ts';
import type { EndOrder } from './pod/types.ts';
import type { PodWorker } from './pod-worker.ts';
import { identityOf, type PodIdentity } from './runtime/labels.ts';
import { createTurns } from './turns.ts';

export interface PodSetOptions {
  readonly nodeName: string;
  readonly log: Logger;
  readonly worker: (pod: Pod, gone: boolean, ties: WorkerTies) => PodWorker;
  /** Why this node does not take the pod on beside the others, and who makes room for it. */
  readonly admit: (pod: Pod, others: readonly Pod[]) => Promise<Admission>;
  /** A pod that only mirrors a static one came, or went. */
  readonly mirrorSeen: (mirror: Pod) => void;
  readonly mirrorGone: (mirror: PodIdentity) => void;
}

/** What ties a worker to the set. */
export interface WorkerTies {
  readonly admit: (pod: Pod) => Promise<EndOrder | undefined>;
  readonly onFinished: () => void;
}

export interface Admission {
  /** Undefined: it may run. */
  readonly refusal: EndOrder | undefined;
  /** Pods that are ended for it, with what they are told. */
  readonly preempt?: readonly { readonly uid: string; readonly order: EndOrder }[];
}

/** The pods of this node by uid, each with its worker. */
export interface PodSet {
  /** The store's pods at the start. From now on what neither the store nor a manifest knows is an orphan. */
  load(pods: readonly Pod[]): void;
  /** The static pods there are now; those that are not among them end. */
  setStatic(pods: readonly Pod[]): void;
  changed(pod: Pod): void;
  /** The API object is gone; an empty uid means whichever pod has the name. */
  deleted(pod: PodIdentity): void;
  has(uid: string): boolean;
  wake(uid: string): void;
  /** Pods with the status last computed; orphans are not among them. */
  list(): readonly Pod[];
  /** Whether the pod is there to be ended. */
  order(uid: string, order: EndOrder): boolean;
  releaseHold(pod: { readonly namespace: string; readonly name: string }): void;
  reportAgain(uid: string): void;
  referencedChanged(key: string, namespace: string): void;
  /** Something that many may have waited for is back. */
  retry(): void;
  /** Ends pods that the runtime has and the store does not; before `load` nothing. */
  adoptOrphans(pods: Iterable<PodIdentity>): void;
  stop(): Promise<void>;
}

interface Member {
  readonly worker: PodWorker;
  /** Ended and confirmed; kept until the API object goes, so that its echoes start nothing. */
  finished: boolean;
  gone: boolean;
  admitted: boolean;
}

/** It counts against the node's resources: let in, and something of it may run. */
function occupies({ admitted, finished, worker }: Member): boolean {
  return !finished && (admitted || worker.hasRun) && !isTerminal(worker.status.phase);
}

export function createPodSet(options: PodSetOptions): PodSet {
  const { nodeName, log, worker: createWorker, admit, mirrorSeen, mirrorGone } = options;
  const turns = createTurns();
  const members = new Map<string, Member>();
  let loaded = false;
  /** Deletes that overtake the first list, which may still have the pods. */
  const deletedEarly: PodIdentity[] = [];
  /** A changed manifest is another pod of the same name: it waits here until its predecessor has ended. */
  let successors: Pod[] = [];
  /** Named again by the cloud while they end for want of an API object, e.g. after the store came from a backup. */
  const returned = new Map<string, Pod>();
  let stopped = false;

  const start = (pod: Pod, gone: boolean): void => {
    const uid = pod.metadata.uid ?? '';
    const onFinished = (): void => {
      const member = members.get(uid);
      if (member === undefined) return;
      member.finished = true;
      if (member.gone) members.delete(uid);
      const again = returned.get(uid);
      returned.delete(uid);
      if (again !== undefined) changed(again);
      const due = successors.filter((pod) => !hasName(pod));
      successors = successors.filter((pod) => !due.includes(pod));
      for (const pod of due) changed(pod);
    };
    const worker = createWorker(pod, gone, { onFinished, admit: (newest) => admission(uid, newest) });
    members.set(uid, { worker, finished: false, gone, admitted: false });
  };

  /** One pod at a time, so that two that fit only one by one are not both let in. */
  const admission = (uid: string, pod: Pod): Promise<EndOrder | undefined> =>
    turns.run(async () => {
      const others = [...members].filter(([id, member]) => id !== uid && occupies(member));
      const { refusal, preempt = [] } = await admit(
        pod,
        others.map(([, { worker }]) => worker.pod),
      );
      const member = members.get(uid);
      if (refusal === undefined && member !== undefined) member.admitted = true;
      for (const { uid: victim, order } of preempt) members.get(victim)?.worker.order(order);
      return refusal;
    });

  const hasName = (pod: Pod): boolean => {
    const { name, namespace } = identityOf(pod);
    return [...members.values()].some(({ worker }) => isSame({ uid: '', name, namespace }, worker.pod));
  };

  const end = (uid: string, member: Member): void => {
    member.gone = true;
    returned.delete(uid);
    if (member.finished) members.delete(uid);
    else member.worker.end();
  };

  const changed = (pod: Pod): void => {
    const { uid } = pod.metadata;
    if (stopped || uid === undefined || uid === '') return;
    if (isMirror(pod)) {
      mirrorSeen(pod);
      return;
    }
    if (pod.spec?.nodeName !== nodeName) {
      log.warn({ pod: pod.metadata.name, nodeName: pod.spec?.nodeName }, 'pod of another node ignored');
      return;
    }
    if (!/^[\w.-]+$/.test(uid) || uid.startsWith('.')) {
      log.warn({ pod: pod.metadata.name, uid }, 'pod with an impossible uid ignored');
      return;
    }
    const member = members.get(uid);
    if (member === undefined) start(pod, false);
    else if (member.gone) returned.set(uid, pod);
    else if (!member.finished) member.worker.update(pod);
  };

  return {
    load(pods) {
      for (const pod of pods) {
        const overtaken = deletedEarly.some((deleted) => isSame(deleted, pod));
        if (!overtaken && !members.has(pod.metadata.uid ?? '')) changed(pod);
      }
      deletedEarly.length = 0;
      loaded = true;
    },
    setStatic(pods) {
      const wanted = new Set(pods.map(({ metadata }) => metadata.uid));
      successors = [];
      for (const [uid, member] of members) {
        if (isStatic(member.worker.pod) && !wanted.has(uid)) end(uid, member);
      }
      for (const pod of pods) {
        if (members.has(pod.metadata.uid ?? '')) continue;
        if (hasName(pod)) successors.push(pod);
        else changed(pod);
      }
    },
    changed,
    deleted(identity) {
      if (!loaded) deletedEarly.push(identity);
      mirrorGone(identity);
      for (const [uid, member] of members) {
        if (isStatic(member.worker.pod) || !isSame(identity, member.worker.pod)) continue;
        end(uid, member);
      }
    },
    has: (uid) => members.has(uid),
    wake: (uid) => members.get(uid)?.worker.wake(),
    list: () =>
      [...members.values()]
        .filter(({ gone }) => !gone)
        .map(({ worker }) => ({ ...worker.pod, status: worker.status })),
    order(uid, order) {
      const member = members.get(uid);
      if (member === undefined || member.finished) return false;
      member.worker.order(order);
      return true;
    },
    releaseHold({ namespace, name }) {
      for (const { worker } of members.values()) {
        if (isSame({ uid: '', namespace, name }, worker.pod)) worker.releaseHold();
      }
    },
    reportAgain: (uid) => members.get(uid)?.worker.reportAgain(),
    referencedChanged(key, namespace) {
      for (const { worker } of members.values()) {
        if ((worker.pod.metadata.namespace ?? 'default') === namespace) worker.referencedChanged(key);
      }
    },
    retry() {
      for (const { worker } of members.values()) worker.connected();
    },
    adoptOrphans(pods) {
      if (!loaded || stopped) return;
      for (const { uid, name, namespace } of pods) {
        if (members.has(uid)) continue;
        log.info({ pod: name, namespace, uid }, 'pod unknown to the store is ended');
        start({ metadata: { uid, name, namespace } }, true);
      }
    },
    async stop() {
      stopped = true;
      await Promise.all([...members.values()].map(({ worker }) => worker.stop()));
    },
  };
}

function isSame({ uid, name, namespace }: PodIdentity, { metadata }: Pod): boolean {
  if (uid !== '') return metadata.uid === uid;
  return metadata.name === name && (metadata.namespace ?? 'default') === namespace;
}
