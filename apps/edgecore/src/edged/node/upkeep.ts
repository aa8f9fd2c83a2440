import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { Pressure } from '../admission/index.ts';
import type { EdgedConfig } from '../config.ts';
import type { Events } from '../events.ts';
import { createEvictionWatch, observeSignals, thresholdsOf, type Usages } from '../eviction/index.ts';
import { createContainerGc, createImageGc } from '../gc/index.ts';
import type { Host } from '../host.ts';
import { everyContainerOf, isTerminal } from '../pod/spec.ts';
import type { EndOrder } from '../pod/types.ts';
import { cgroupPath, qosCgroup } from '../runtime/cgroup-path.ts';
import type { CgroupSettings } from '../runtime/cgroups.ts';
import type { PodLogs } from '../runtime/pod-logs.ts';
import type { RuntimeInfo } from '../runtime/runtime-info.ts';
import { reservedOf } from './capacity.ts';
import type { Machine } from './machine.ts';
import type { NodeImage } from './node-object.ts';

export interface UpkeepOptions {
  readonly cri: CriClient;
  readonly config: EdgedConfig;
  readonly host: Host;
  readonly machine: () => Machine;
  readonly runtime: () => RuntimeInfo;
  readonly cgroups: () => CgroupSettings;
  readonly logs: Pick<PodLogs, 'removeRun'>;
  /** Pods with their status; undefined while the store has not been read. */
  readonly pods: () => readonly Pod[] | undefined;
  /** What these pods use; with `storage` also what they have on disk, which costs more. */
  readonly usage: (pods: readonly Pod[], options: { readonly storage: boolean }) => Promise<Usages>;
  readonly evict: (podUid: string, order: EndOrder) => void;
  readonly removeLeftovers: () => Promise<void>;
  /** The conditions of the node have changed. */
  readonly onPressure: () => void;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What keeps the node able to run pods: unused things go, and pods when nothing else helps. */
export interface Upkeep {
  readonly pressures: readonly Pressure[];
  /** Images for the node's status. */
  readonly images: readonly NodeImage[];
  /** Until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** A runtime that hangs must not keep the node from seeing that its memory runs out. */
const ASK_TIMEOUT_MS = 5_000;

export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { cri, config, host, machine, runtime, events, clock, log } = options;
  let imageFs: string | undefined;

  /** Where images are does not change; the runtime is asked until it says. */
  const askImageFs = async (signal?: AbortSignal): Promise<string | undefined> => {
    if (imageFs !== undefined) return imageFs;
    const limits = { timeoutMs: ASK_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
    const { imageFilesystems } = await cri.imageFsInfo({}, limits);
    const mountpoint = imageFilesystems[0]?.fsId?.mountpoint;
    imageFs = mountpoint === '' ? undefined : mountpoint;
    return imageFs;
  };

  const active = (): readonly Pod[] =>
    (options.pods() ?? []).filter(({ status }) => !isTerminal(status?.phase));

  const stateOf = (podUid: string): 'active' | 'ended' | 'unknown' => {
    const pods = options.pods();
    if (pods === undefined) return 'unknown';
    const pod = pods.find(({ metadata }) => metadata.uid === podUid);
    return isTerminal(pod?.status?.phase) ? 'ended' : 'active';
  };

  const observe = () => {
    const { driver, root } = options.cgroups();
    const { memoryBytes, cgroupV2 } = machine();
    return askImageFs()
      .catch(() => undefined)
      .then((path) =>
        observeSignals({
          host,
          rootDir: config.rootDir,
          cgroupV2,
          podsCgroup: cgroupPath(driver, qosCgroup(root, 'Guaranteed')),
          podsMemoryBytes: memoryBytes - reservedOf(config, 'memory'),
          imageFs: path,
        }),
      );
  };

  const images = createImageGc({
    cri,
    config,
    host,
    imageFs: askImageFs,
    wanted: () => (options.pods() === undefined ? undefined : active().flatMap(imagesOf)),
    runtimeSandboxImage: () => runtime().sandboxImage,
    events,
    clock,
    log,
  });
  const containers = createContainerGc({
    cri,
    config,
    logs: options.logs,
    stateOf,
    removeLeftovers: options.removeLeftovers,
    events,
    clock,
    log,
  });
  const eviction = createEvictionWatch({
    config,
    thresholds: thresholdsOf(config, (path, value, problem) => {
      log.error({ path, value, problem }, 'eviction threshold ignored');
    }),
    observe,
    pods: active,
    usage: options.usage,
    evict: options.evict,
    isGone: async (uid) =>
      !active().some(({ metadata }) => metadata.uid === uid) &&
      !(await host.list(join(config.rootDir, 'pods'))).includes(uid),
    reclaim: [(signal) => containers.removeAllDead(signal), (signal) => images.removeUnused(signal)],
    onPressure: options.onPressure,
    events,
    clock,
    log,
  });

  return {
    get pressures() {
      return eviction.pressures;
    },
    get images() {
      return images.shown;
    },
    async run(signal) {
      await Promise.all([images.run(signal), containers.run(signal), eviction.run(signal)]);
    },
  };
}

function imagesOf(pod: Pod): readonly string[] {
  const volumes = (pod.spec?.volumes ?? []) as readonly {
    readonly image?: { readonly reference?: string };
  }[];
  return [
    ...everyContainerOf(pod).map(({ image }) => image ?? ''),
    ...volumes.map(({ image }) => image?.reference ?? ''),
  ].filter((name) => name !== '');
}
