import type { Node, Pod } from '@kubeedge-ts/apis';
import { type Amounts, addAmounts, allocatable, podRequest } from './resources.ts';

export interface HostPort {
  /** Empty for all addresses. */
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** A node and what its pods already take. */
export interface NodeInfo {
  readonly node: Node;
  readonly allocatable: Amounts;
  readonly requested: Amounts;
  readonly pods: number;
  readonly hostPorts: readonly HostPort[];
}

/** `pods` are those bound to the node that have not ended. */
export function nodeInfo(node: Node, pods: readonly Pod[]): NodeInfo {
  return {
    node,
    allocatable: allocatable(node),
    requested: pods.map(podRequest).reduce(addAmounts, new Map()),
    pods: pods.length,
    hostPorts: pods.flatMap(hostPortsOf),
  };
}

export function hostPortsOf(pod: Pod): readonly HostPort[] {
  return (pod.spec?.containers ?? [])
    .flatMap((container) => container.ports ?? [])
    .filter((port) => (port.hostPort ?? 0) > 0)
    .map((port) => ({
      ip: port.hostIP === undefined || port.hostIP === '0.0.0.0' ? '' : port.hostIP,
      protocol: port.protocol ?? 'TCP',
      port: port.hostPort as number,
    }));
}

export function portsConflict(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === '' || b.ip === '' || a.ip === b.ip);
}
