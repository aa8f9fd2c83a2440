import type { MetaClient } from '../metamanager/meta-client.ts';
import { createLogRotation } from './container-logs/index.ts';
import type { CgroupSettings } from './runtime/cgroups.ts';
import { createKubeletEndpoint, type EndpointOptions, type KubeletApi } from './server/index.ts';
import {
  createKernelFiles,
  createStats,
  createVolumeOfClaim,
  type Stats,
  systemDisks,
} from './stats/index.ts';

export interface KubeletServicesOptions extends Omit<EndpointOptions, 'stats' | 'kernel'> {
  readonly meta: Pick<MetaClient, 'getObject'>;
  readonly cgroupSettings: () => CgroupSettings;
}

/** What others see and ask of the kubelet: its HTTP API, the figures of node and pods, logs of a bounded size. */
export interface KubeletServices {
  readonly api: KubeletApi;
  readonly stats: Stats;
  /** Until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export function createKubeletServices(options: KubeletServicesOptions): KubeletServices {
  const { config, cri, meta, pods, cgroupSettings, clock, log } = options;
  const { nodeName, rootDir, podLogsDir, volumeStatsMs } = config;
  const kernel = createKernelFiles();
  const stats = createStats({
    nodeName,
    rootDir,
    podLogsDir,
    volumeStatsMs,
    cri,
    pods,
    cgroupSettings,
    volumeOf: createVolumeOfClaim(
      (namespace, claim) => meta.getObject('persistentvolumeclaim', namespace, claim),
      clock,
    ),
    kernel,
    disks: systemDisks,
    clock,
  });
  const endpoint = createKubeletEndpoint({ ...options, stats, kernel });
  const rotation = createLogRotation({ config: config.containerLogs, podLogsDir, pods, cri, clock, log });
  return {
    api: endpoint.api,
    stats,
    async run(signal) {
      signal.addEventListener('abort', () => stats.close(), { once: true });
      await Promise.all([endpoint.run(signal), rotation.run(signal)]);
    },
  };
}
