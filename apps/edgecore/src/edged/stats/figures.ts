import type { PodIdentity } from '../runtime/labels.ts';
import type { CgroupUsage } from './cgroup-usage.ts';
import type { InterfaceCounters } from './proc.ts';

/** What was read of the node and everything that runs on it, at one time. */
export interface Figures {
  /** ms since the epoch. */
  readonly at: number;
  readonly node: NodeFigures;
  readonly pods: readonly PodFigures[];
}

export interface NodeFigures {
  readonly usage: CgroupUsage | undefined;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly swapFreeBytes: number;
  readonly bootAt: number | undefined;
  readonly network: readonly InterfaceCounters[];
  readonly tasks: number | undefined;
  readonly maxPid: number | undefined;
  /** By the kubelet's names: `pods`, `kubelet`. */
  readonly systemContainers: ReadonlyMap<string, SystemContainer>;
}

export interface SystemContainer {
  readonly path: string;
  readonly usage: CgroupUsage;
}

export interface PodFigures {
  readonly pod: PodIdentity;
  readonly sandboxId: string;
  /** ms since the epoch. */
  readonly createdAt: number;
  /** Undefined when pods have no cgroup of their own. */
  readonly cgroup: { readonly path: string; readonly usage: CgroupUsage } | undefined;
  /** The sandbox's own container. */
  readonly sandbox: { readonly path: string; readonly usage: CgroupUsage } | undefined;
  /** Undefined for pods on the node's network. */
  readonly network: readonly InterfaceCounters[] | undefined;
  readonly containers: readonly ContainerFigures[];
}

export interface ContainerFigures {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly image: string;
  readonly createdAt: number;
  readonly path: string | undefined;
  readonly usage: CgroupUsage | undefined;
  /** Undefined when its cgroup cannot be seen. */
  readonly processes: number | undefined;
}
