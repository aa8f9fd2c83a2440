import { readdir, readlink, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Container, ContainerState, type CriClient, PodSandboxState } from '@kubeedge-ts/cri';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import type { EdgedConfig } from '../config.ts';
import type { Events } from '../events.ts';
import { LABEL, podOf } from '../runtime/labels.ts';
import type { PodLogs } from '../runtime/pod-logs.ts';
import { createTurns } from '../turns.ts';
import { type DeadContainer, deadSandboxes, surplusOf } from './dead-containers.ts';

export interface ContainerGcOptions {
  readonly cri: Pick<
    CriClient,
    'listContainers' | 'listPodSandbox' | 'removeContainer' | 'stopPodSandbox' | 'removePodSandbox'
  >;
  readonly config: Pick<EdgedConfig, 'podLogsDir' | 'maxDeadContainers' | 'minimumGcAgeMs' | 'containerGcMs'>;
  readonly logs: Pick<PodLogs, 'removeRun'>;
  /** What has become of a pod: `unknown` while the pods are not known yet, or when nothing of it is to be touched. */
  readonly stateOf: (podUid: string) => 'active' | 'ended' | 'unknown';
  /** Directories of pods that nobody knows any more. */
  readonly removeLeftovers: () => Promise<void>;
  readonly events: Pick<Events, 'node'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Clears away what ended pods and old runs have left in the runtime and on the disk (spec/edged.md §13). */
export interface ContainerGc {
  /** Looks every `containerGcMs` until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Also the containers of ended pods that are kept for their logs: the disk is short. */
  removeAllDead(signal: AbortSignal): Promise<void>;
}

export function createContainerGc(options: ContainerGcOptions): ContainerGc {
  const { cri, config, logs, stateOf, events, clock, log } = options;
  const linksDir = join(dirname(config.podLogsDir), 'containers');
  const turns = createTurns();

  const removeContainer = async (container: Container, signal: AbortSignal): Promise<void> => {
    const pod = podOf(container.labels);
    await cri.removeContainer({ containerId: container.id }, { signal }).catch(ignoreGone);
    const name = container.labels[LABEL.containerName];
    if (pod === undefined || name === undefined) return;
    await logs.removeRun({ metadata: pod }, name, container.metadata?.attempt ?? 0);
  };

  const collect = async (everythingDead: boolean, signal: AbortSignal): Promise<void> => {
    const [{ containers }, { items }] = await Promise.all([
      cri.listContainers({}, { signal }),
      cri.listPodSandbox({}, { signal }),
    ]);
    const goes = (podUid: string): boolean => everythingDead && stateOf(podUid) === 'ended';
    const newest = (clock.now() - config.minimumGcAgeMs) * 1e6;
    const dead = containers.flatMap((container): (DeadContainer & { container: Container })[] => {
      const pod = podOf(container.labels);
      const over = container.state === ContainerState.CONTAINER_EXITED && container.createdAt <= newest;
      if (pod === undefined || !over || stateOf(pod.uid) === 'unknown') return [];
      const { id, createdAt, metadata } = container;
      const { name = '', attempt = 0 } = metadata ?? {};
      return [{ id, podUid: pod.uid, name, attempt, createdAt, container }];
    });
    const removed = new Set(
      [...dead.filter(({ podUid }) => goes(podUid)), ...surplusOf(dead, config.maxDeadContainers)].map(
        ({ id }) => id,
      ),
    );
    for (const { id, container } of dead) if (removed.has(id)) await removeContainer(container, signal);

    const holding = new Set(
      containers.filter(({ id }) => !removed.has(id)).map(({ podSandboxId }) => podSandboxId),
    );
    const sandboxes = items.flatMap(({ id, labels, state, createdAt }) => {
      const pod = podOf(labels);
      if (pod === undefined || stateOf(pod.uid) === 'unknown') return [];
      return [{ id, podUid: pod.uid, ready: state === PodSandboxState.SANDBOX_READY, createdAt }];
    });
    for (const { id } of deadSandboxes(sandboxes, holding, goes)) {
      // Not ready does not say that its network is taken down.
      await cri.stopPodSandbox({ podSandboxId: id }, { signal }).catch(ignoreGone);
      await cri.removePodSandbox({ podSandboxId: id }, { signal }).catch(ignoreGone);
    }
    const running = containers.filter(({ state }) => state !== ContainerState.CONTAINER_EXITED);
    await removeDeadLinks(new Set(running.map(({ id }) => id)));
  };

  /** Links of edged whose log is gone; that of a running container is only being rotated. */
  const removeDeadLinks = async (running: ReadonlySet<string>): Promise<void> => {
    for (const name of await readdir(linksDir).catch(() => [])) {
      const id = /-([0-9a-f]{8,})\.log$/.exec(name)?.[1];
      const path = join(linksDir, name);
      const target = await readlink(path).catch(() => '');
      if (id === undefined || running.has(id) || !target.startsWith(`${config.podLogsDir}/`)) continue;
      const there = await stat(target).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
      );
      if (!there) await rm(path, { force: true });
    }
  };

  return {
    async run(signal) {
      while (!signal.aborted) {
        await sleep(clock, config.containerGcMs, signal).catch(() => undefined);
        if (signal.aborted) return;
        try {
          await turns.run(() => collect(false, signal), signal);
          await options.removeLeftovers();
        } catch (error) {
          if (signal.aborted) return;
          log.warn({ err: errorText(error) }, 'what ended pods left could not all be removed');
          // Without the runtime nothing can be done, and its absence is told elsewhere.
          if (!isKubeEdgeError(error, 'CRI_UNAVAILABLE'))
            events.node('Warning', 'ContainerGCFailed', errorText(error));
        }
      }
    },
    removeAllDead: (signal) => turns.run(() => collect(true, signal), signal),
  };
}

function ignoreGone(error: unknown): void {
  if (!isKubeEdgeError(error, 'CRI_NOT_FOUND')) throw error;
}
