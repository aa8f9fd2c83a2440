import type { Pod } from '@kubeedge-ts/apis';
import type { Logger } from '@kubeedge-ts/runtime';
import type { PodWorker } from './pod-worker.ts';
import type { PodIdentity } from './runtime/labels.ts';

export interface PodSetOptions {
  readonly nodeName: string;
  readonly log: Logger;
  readonly worker: (pod: Pod, gone: boolean, onFinished: () => void) => PodWorker;
}

/** The pods of this node by uid, each with its worker. */
export interface PodSet {
  /** The store's pods at the start. From now on what the store does not know is an orphan. */
  load(pods: readonly Pod[]): void;
  changed(pod: Pod): void;
  /** The API object is gone; an empty uid means whichever pod has the name. */
  deleted(pod: PodIdentity): void;
  has(uid: string): boolean;
  /** The pods the store has, each with the status it has here now. */
  list(): readonly Pod[];
  wake(uid: string): void;
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
}

export function createPodSet({ nodeName, log, worker: createWorker }: PodSetOptions): PodSet {
  const members = new Map<string, Member>();
  let loaded = false;
  /** Deletes that overtake the first list, which may still have the pods. */
  const deletedEarly: PodIdentity[] = [];
  let stopped = false;

  const start = (pod: Pod, gone: boolean): void => {
    const uid = pod.metadata.uid ?? '';
    const onFinished = (): void => {
      const member = members.get(uid);
      if (member === undefined) return;
      member.finished = true;
      if (member.gone) members.delete(uid);
    };
    members.set(uid, { worker: createWorker(pod, gone, onFinished), finished: false, gone });
  };

  const changed = (pod: Pod): void => {
    const { uid } = pod.metadata;
    if (stopped || uid === undefined || uid === '') return;
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
    else if (!member.finished && !member.gone) member.worker.update(pod);
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
    changed,
    deleted(identity) {
      if (!loaded) deletedEarly.push(identity);
      for (const [id, member] of members) {
        if (!isSame(identity, member.worker.pod)) continue;
        member.gone = true;
        if (member.finished) members.delete(id);
        else member.worker.end();
      }
    },
    has: (uid) => members.has(uid),
    list: () =>
      [...members.values()]
        .filter(({ gone }) => !gone)
        .map(({ worker }) => ({ ...worker.pod, status: worker.status })),
    wake: (uid) => members.get(uid)?.worker.wake(),
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
