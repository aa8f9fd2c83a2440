import type { Node, NodeStatus } from '@kubeedge-ts/apis';
import { createCsiNodeClient } from '@kubeedge-ts/kubelet-plugins/csi';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { Events } from '../events.ts';
import type { Host } from '../host.ts';
import type { PluginHandler } from '../plugin-registry/registry.ts';
import { createCsi } from './csi/csi.ts';
import { volumePaths } from './paths.ts';
import { createPodTokens } from './tokens.ts';
import { createVolumes, type Volumes } from './volumes.ts';

export interface NodeVolumesOptions {
  readonly nodeName: string;
  readonly rootDir: string;
  readonly meta: MetaClient;
  readonly host: Pick<Host, 'mounts' | 'blockDevices'>;
  readonly events: Events;
  /** The node's status is due: the volumes in use have changed. */
  readonly onInUse: () => void;
  /** What pods wait for may be there. */
  readonly retry: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The volumes of this node's pods together with the CSI drivers that serve some of them. */
export interface NodeVolumes extends Volumes {
  /** Takes CSI drivers from the registry of plugins. */
  readonly csiHandler: PluginHandler;
  /** For the node's status. */
  inUse(): readonly string[];
  /** The node's status as it was reported. */
  statusReported(status: NodeStatus): void;
  /** The node as the cluster shows it. */
  nodeChanged(node: Node): void;
  /** The cloud connection is back. */
  connected(): void;
  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createNodeVolumes(options: NodeVolumesOptions): NodeVolumes {
  const { nodeName, rootDir, meta, host, clock, retry } = options;
  const tokens = createPodTokens(options);
  const csi = createCsi({
    ...options,
    ...host,
    paths: volumePaths(rootDir),
    tokens,
    connect: (endpoint) => createCsiNodeClient(endpoint, { clock }),
  });
  const volumes = createVolumes({
    ...options,
    ...host,
    tokens,
    csi: csi.plugin,
    node: async () => ({ name: nodeName, labels: (await meta.getNode(nodeName))?.metadata.labels ?? {} }),
  });
  return {
    ...volumes,
    async open() {
      await csi.open();
      await volumes.open();
    },
    csiHandler: csi.handler,
    inUse: csi.volumesInUse,
    statusReported(status) {
      if (csi.reportedInUse(status.volumesInUse ?? [])) retry();
    },
    nodeChanged({ status }) {
      if (csi.attached((status?.volumesAttached ?? []).map(({ name }) => name))) retry();
    },
    connected: csi.poke,
    run: csi.run,
  };
}
