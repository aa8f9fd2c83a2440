import type { Node, NodeStatus } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { Pressure } from '../admission/index.ts';
import type { EdgedConfig } from '../config.ts';
import type { Host } from '../host.ts';
import type { RuntimeInfo } from '../runtime/runtime-info.ts';
import { allocatableOf, capacityOf, type DeviceResources } from './capacity.ts';
import type { Conditions, Machine } from './machine.ts';
import { type NodeHealth, nodeConditions } from './node-conditions.ts';
import { ownAnnotations, ownLabels } from './node-metadata.ts';
import { clusterHas, KUBE_PROXY_VERSION, kubeletVersion } from './version.ts';

export type NodeImage = NonNullable<NodeStatus['images']>[number];

export interface NodeInputs {
  readonly config: EdgedConfig;
  readonly host: Pick<Host, 'architecture' | 'cpuCount'>;
  readonly machine: Machine;
  readonly now: Conditions;
  readonly runtime: Pick<RuntimeInfo, 'name' | 'version' | 'handlers' | 'features'>;
  readonly devices: DeviceResources;
  readonly health: NodeHealth;
  readonly pressures: readonly Pressure[];
  /** Largest first, as many as may be shown. */
  readonly images: readonly NodeImage[];
  /** Undefined: not known yet, what was reported before stands. */
  readonly volumesInUse: readonly string[] | undefined;
  readonly clusterVersion: string | undefined;
}

/** The node as it registers itself (spec/edged.md §2.1). */
export function nodeObject(inputs: NodeInputs, now: number): Node {
  const { config, host } = inputs;
  const taints = config.taints.map(({ key, value, effect }) => ({
    key,
    ...(value ? { value } : {}),
    effect,
  }));
  const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  const tainted = taints.some(
    ({ key, effect }) => key === unschedulable.key && effect === unschedulable.effect,
  );
  if (!config.registerSchedulable && !tainted) taints.push(unschedulable);
  const annotations = ownAnnotations(config);
  return {
    metadata: {
      name: config.nodeName,
      creationTimestamp: null as unknown as string,
      labels: { ...ownLabels(config.nodeName, host.architecture), ...config.nodeLabels },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
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
 * (spec/edged.md §1.3). `previous`: what the cluster shows, as far as it is known.
 */
export function nodeStatus(inputs: NodeInputs, previous: NodeStatus | undefined, now: number): NodeStatus {
  const { config, machine, runtime } = inputs;
  const capacity = capacityOf(inputs, previous);
  const missing = ['cpu', 'memory', 'pods', 'ephemeral-storage'].filter(
    (name) => capacity[name] === undefined,
  );
  const lack = missing.length > 0 ? [`missing node capacity for resources: ${missing.join(', ')}`] : [];
  const volumesInUse = inputs.volumesInUse ?? previous?.volumesInUse ?? [];
  return {
    capacity,
    allocatable: allocatableOf(inputs, capacity),
    conditions: nodeConditions(
      [...inputs.health, ...lack],
      inputs.pressures,
      previous?.conditions ?? [],
      rfc3339(now),
    ),
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
      kubeletVersion: kubeletVersion(inputs.clusterVersion),
      kubeProxyVersion: KUBE_PROXY_VERSION,
      operatingSystem: 'linux',
      architecture: inputs.host.architecture,
    },
    ...(inputs.images.length > 0 ? { images: [...inputs.images] } : {}),
    ...(volumesInUse.length > 0 ? { volumesInUse: volumesInUse.toSorted() } : {}),
    ...runtimeFields(inputs),
  };
}

/** Only what the cluster keeps: a field that its API drops would look like a status someone rewrites. */
function runtimeFields({ runtime, clusterVersion }: NodeInputs): object {
  const { handlers, features } = runtime;
  return {
    ...(handlers.length > 0 && clusterHas(clusterVersion, 1, 31)
      ? { runtimeHandlers: handlers.map(({ name, features = {} }) => ({ name, features: { ...features } })) }
      : {}),
    ...(features !== undefined && clusterHas(clusterVersion, 1, 33) ? { features: { ...features } } : {}),
  };
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
