import type { Node, NodeStatus } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { EdgedConfig } from '../config.ts';
import type { Host } from '../host.ts';
import { binaryQuantity, decimalQuantity, parseQuantity } from '../quantity.ts';
import type { Conditions, Machine } from './machine.ts';
import { type NodeHealth, nodeConditions } from './node-conditions.ts';
import { KUBE_PROXY_VERSION, KUBELET_VERSION } from './version.ts';

export interface NodeInputs {
  readonly config: EdgedConfig;
  readonly host: Pick<Host, 'architecture' | 'cpuCount'>;
  readonly machine: Machine;
  readonly now: Conditions;
  readonly runtime: { readonly name: string; readonly version: string };
  readonly health: NodeHealth;
}

/** The node as it registers itself (spec/edged.md §2.1). */
export function nodeObject(inputs: NodeInputs, now: number): Node {
  const { config, host } = inputs;
  const taints = config.taints.map(({ key, value, effect }) => ({
    key,
    ...(value ? { value } : {}),
    effect,
  }));
  if (!config.registerSchedulable)
    taints.push({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' });
  return {
    metadata: {
      name: config.nodeName,
      creationTimestamp: null as unknown as string,
      labels: {
        'beta.kubernetes.io/arch': host.architecture,
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': host.architecture,
        'kubernetes.io/hostname': config.nodeName,
        'kubernetes.io/os': 'linux',
        'node-role.kubernetes.io/agent': '',
        'node-role.kubernetes.io/edge': '',
        ...config.nodeLabels,
      },
      ...(config.controllerAttachDetach
        ? { annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } }
        : {}),
    },
    spec: {
      ...(taints.length > 0 ? { taints } : {}),
      ...(config.registerSchedulable ? {} : { unschedulable: true }),
    },
    status: {
      ...nodeStatus(inputs, undefined, now),
      daemonEndpoints: { kubeletEndpoint: { Port: config.readOnlyPort } },
    },
  };
}

/**
 * The status edged reports from then on: without `daemonEndpoints`, which belongs to cloudcore once the node exists
 * (spec/edged.md §1.3).
 */
export function nodeStatus(inputs: NodeInputs, previous: NodeStatus | undefined, now: number): NodeStatus {
  const { config, host, machine, runtime } = inputs;
  const capacity = capacityOf(inputs);
  return {
    capacity,
    allocatable: allocatableOf(inputs, capacity),
    conditions: nodeConditions(inputs.health, inputs, previous?.conditions ?? [], rfc3339(now)),
    addresses: [
      ...inputs.now.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: config.nodeName },
    ],
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: runtimeVersion(runtime),
      kubeletVersion: KUBELET_VERSION,
      kubeProxyVersion: KUBE_PROXY_VERSION,
      operatingSystem: 'linux',
      architecture: host.architecture,
    },
  };
}

type Resources = Record<string, string>;

function capacityOf({ config, host, machine, now }: NodeInputs): Resources {
  const perCore = config.podsPerCore > 0 ? config.podsPerCore * host.cpuCount : config.maxPods;
  return {
    cpu: String(host.cpuCount),
    'ephemeral-storage': binaryQuantity(now.rootFs.totalBytes),
    ...Object.fromEntries(
      [...machine.hugepages].map(([size, bytes]) => [`hugepages-${size}`, binaryQuantity(bytes)]),
    ),
    memory: binaryQuantity(machine.memoryBytes),
    pods: String(Math.min(perCore, config.maxPods)),
  };
}

/** Capacity less what is reserved for the system and what hard eviction keeps free; never negative. */
export function allocatableOf({ config, machine, now }: NodeInputs, capacity: Resources): Resources {
  const reserved = (resource: string): number =>
    (parseQuantity(config.systemReserved[resource]) ?? 0) +
    (parseQuantity(config.kubeReserved[resource]) ?? 0);
  const hugepages = [...machine.hugepages.values()].reduce((sum, bytes) => sum + bytes, 0);
  const total = machine.memoryBytes;
  const memory =
    total - hugepages - reserved('memory') - threshold(config.evictionHard['memory.available'], total);
  const disk = now.rootFs.totalBytes;
  const storage =
    disk - reserved('ephemeral-storage') - threshold(config.evictionHard['nodefs.available'], disk);
  const milliCpu = Number(capacity['cpu']) * 1000 - Math.round(reserved('cpu') * 1000);
  return {
    ...capacity,
    cpu: milliCpu % 1000 === 0 ? String(Math.max(0, milliCpu / 1000)) : `${Math.max(0, milliCpu)}m`,
    memory: binaryQuantity(Math.max(0, memory)),
    'ephemeral-storage': decimalQuantity(Math.max(0, storage)),
  };
}

/** Bytes of an eviction threshold; a percentage is kept by upstream as a 32-bit float. */
export function threshold(value: string | undefined, total: number): number {
  if (value === undefined) return 0;
  if (value.endsWith('%')) return Math.trunc(Math.fround(Number(value.slice(0, -1)) / 100) * total) || 0;
  return parseQuantity(value) ?? 0;
}

/** `containerd://1.6.20`: the numbers of the version, with a pre-release only in semantic versions. */
export function runtimeVersion({
  name,
  version,
}: {
  readonly name: string;
  readonly version: string;
}): string {
  const match = /^v?(\d+(?:\.\d+)*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?/.exec(version.trim());
  return `${name}://${match === null ? version : `${match[1]}${match[2] ?? ''}${match[3] ?? ''}`}`;
}
