import { writeFile } from 'node:fs/promises';
import type { Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { EdgedConfig } from '../config.ts';
import type { Events } from '../events.ts';
import type { Host } from '../host.ts';
import type { Machine } from '../node/machine.ts';
import { openCgroupTree } from './cgroup-tree.ts';
import { type CgroupSettings, createPodCgroups } from './cgroups.ts';
import { type HostFacts, readHostFacts } from './host-facts.ts';
import { createImagePuller, type ImagePuller } from './image-puller.ts';
import { createPodSettings, type PodSettings } from './pod-settings.ts';
import { createQosCgroups } from './qos-cgroups.ts';
import type { RuntimeInfo } from './runtime-info.ts';
import { sysctlAllowlist } from './sysctls.ts';
import { createSystemdSlices } from './systemd-slices.ts';
import { createUserNamespaces } from './user-namespaces.ts';

export interface NodeSettingsOptions {
  readonly cri: Pick<CriClient, 'imageStatus' | 'pullImage'>;
  readonly config: EdgedConfig;
  readonly host: Host;
  readonly meta: Pick<MetaClient, 'getObject' | 'listServices' | 'connected'>;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Logger;
  readonly service: { readonly host: string; readonly port: string };
  readonly runtime: () => RuntimeInfo;
  readonly node: {
    readonly machine: Pick<Machine, 'memoryBytes' | 'cgroupV2' | 'thermalPaths'>;
    readonly allocatable: Readonly<Record<string, string>>;
  };
  /** The store's pods with the status they have here. */
  readonly pods: () => readonly Pod[];
}

/** Everything that turns settings of pods into what the runtime and the kernel are asked for. */
export interface NodeSettings {
  readonly pods: PodSettings;
  readonly images: ImagePuller;
  /** How cgroups are named and limited here. */
  cgroups(): CgroupSettings;
  /** Reads the machine; before anything else. */
  open(): Promise<void>;
  /** Keeps the cgroups above those of the pods. */
  run(signal: AbortSignal): Promise<void>;
  /** The pods, or what is known of the runtime, changed. */
  poke(): void;
  /** Uids of pods of which there is an empty cgroup, perhaps from an earlier run. */
  leftCgroups(): Promise<readonly string[]>;
}

export function createNodeSettings(options: NodeSettingsOptions): NodeSettings {
  const { cri, config, host, meta, events, clock, log, service, runtime, node } = options;
  let facts: HostFacts | undefined;

  const known = (): HostFacts => {
    if (facts === undefined) throw new Error('the machine was not looked at yet');
    return facts;
  };
  const cgroupSettings = (): CgroupSettings => ({
    driver: runtime().cgroupDriver ?? (config.cgroupDriver === 'systemd' ? 'systemd' : 'cgroupfs'),
    root: config.cgroupRoot,
    perQos: config.cgroupsPerQOS,
    cpuCfsQuota: config.cpuCfsQuota,
    cpuPeriodUs: config.cpuPeriodUs,
    podPids: config.podPidsLimit,
    hugepageSizes: known().hugepageSizes,
  });
  const cgroups = createPodCgroups({
    tree: () => openCgroupTree({ clock }),
    slices: createSystemdSlices(),
    log,
  });
  const qos = createQosCgroups({
    cgroups,
    settings: () => (runtime().name === '' ? undefined : cgroupSettings()),
    node: () => ({
      cpus: host.cpuCount,
      memory: node.machine.memoryBytes,
      pids: known().pids,
      reserved: [config.systemReserved, config.kubeReserved],
      enforced: config.enforceAllocatable,
    }),
    pods: () => options.pods().filter(({ status }) => !ENDED.has(status?.phase ?? '')),
    clock,
  });

  /** A machine that permits it only one way runs edgecore all the same. */
  const protectSelf = async (score: number | undefined): Promise<void> => {
    if (score === undefined) return;
    await writeFile('/proc/self/oom_score_adj', String(score)).catch((error) => {
      log.info({ score, err: errorText(error) }, 'the OOM score of edgecore stays as it is');
    });
  };

  return {
    cgroups: cgroupSettings,
    images: createImagePuller({
      cri,
      offline: () => !meta.connected,
      events,
      clock,
      settings: config.imagePulls,
    }),
    pods: createPodSettings({
      config,
      host,
      meta,
      cgroups,
      users: createUserNamespaces({ rootDir: config.rootDir, host, idsPerPod: config.idsPerPod }),
      events,
      service,
      view: () => {
        const { kernelVersion, apparmor, hugepageSizes, swapCapacity, swapAccounting } = known();
        const { memoryBytes, cgroupV2, thermalPaths } = node.machine;
        return {
          allocatable: node.allocatable,
          cgroups: cgroupSettings(),
          resources: {
            memoryCapacity: memoryBytes,
            swapCapacity,
            swapAccounting,
            limitedSwap: config.limitedSwap,
            cpuCfsQuota: config.cpuCfsQuota,
            cpuPeriodUs: config.cpuPeriodUs,
            cgroupV2,
            oomGroup: config.oomGroup,
            hugepageSizes,
          },
          thermalPaths,
          kernelVersion,
          apparmor,
          runtime: runtime(),
        };
      },
    }),
    async open() {
      facts = await readHostFacts(host);
      await protectSelf(config.oomScoreAdj);
      const { unusable } = sysctlAllowlist(config.allowedSysctls, facts.kernelVersion);
      if (unusable.length > 0)
        log.warn(
          { sysctls: unusable },
          'allowedUnsafeSysctls that no namespace has of its own allow nothing',
        );
    },
    run: (signal) => qos.run(signal),
    poke: () => qos.poke(),
    async leftCgroups() {
      const own = cgroupSettings();
      const drivers = runtime().name === '' ? (['cgroupfs', 'systemd'] as const) : [own.driver];
      const lists = await Promise.all(drivers.map((driver) => cgroups.abandoned({ ...own, driver })));
      return lists.flat();
    },
  };
}

const ENDED = new Set(['Succeeded', 'Failed']);
