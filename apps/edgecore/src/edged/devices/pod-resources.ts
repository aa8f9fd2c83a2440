import type { Pod } from '@kubeedge-ts/apis';
import type { Init } from '@kubeedge-ts/grpc';
import type { ContainerDevices, PodResourcesSource } from '@kubeedge-ts/kubelet-plugins/pod-resources';
import { isSidecar } from '../pod/spec.ts';
import type { Allocation } from './allocations.ts';
import type { Inventory } from './inventory.ts';

/** What monitoring agents see: the pods of this node and the devices of their containers, one entry per device. */
export function podResourcesSource(
  pods: () => readonly Pod[] | undefined,
  devices: { readonly inventory: Inventory; readonly allocations: readonly Allocation[] },
): PodResourcesSource {
  return {
    list: () =>
      (pods() ?? []).map(({ metadata, spec }) => {
        const own = devices.allocations.filter(({ podUid }) => podUid === metadata.uid);
        // Init containers that have ended hold nothing.
        const containers = [...(spec?.initContainers ?? []).filter(isSidecar), ...(spec?.containers ?? [])];
        return {
          name: metadata.name,
          namespace: metadata.namespace ?? 'default',
          containers: containers.map(({ name }) => ({
            name,
            devices: own.filter(({ container }) => container === name).flatMap(entriesOf),
          })),
        };
      }),
    allocatable: () => ({
      devices: [...devices.inventory].flatMap(([resourceName, { healthy, nodes }]) =>
        [...healthy].map((id) => entry(resourceName, id, nodes.get(id) ?? [])),
      ),
    }),
  };
}

function entriesOf({ resource, devices }: Allocation): Init<ContainerDevices>[] {
  const nodes = new Map<string, number[]>();
  for (const [node, ids] of Object.entries(devices)) {
    for (const id of ids) {
      const list = nodes.get(id) ?? [];
      if (Number(node) >= 0) list.push(Number(node));
      nodes.set(id, list);
    }
  }
  return [...nodes].map(([id, list]) => entry(resource, id, list));
}

function entry(resourceName: string, id: string, nodes: readonly number[]): Init<ContainerDevices> {
  const topology = { nodes: nodes.map((ID) => ({ ID })) };
  return { resourceName, deviceIds: [id], ...(nodes.length === 0 ? {} : { topology }) };
}
