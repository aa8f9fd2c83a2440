import type { Pod } from '@kubeedge-ts/apis';
import type { ContainerAllocateResponse } from '@kubeedge-ts/kubelet-plugins/device-plugin';
import { isSidecar } from '../pod/spec.ts';
import type { DevicesByNode } from './checkpoint.ts';

export interface Allocation {
  readonly podUid: string;
  readonly container: string;
  readonly resource: string;
  readonly devices: DevicesByNode;
  readonly response: ContainerAllocateResponse;
}

/** Which container of which pod has which devices. */
export interface Allocations {
  get(podUid: string, container: string, resource: string): Allocation | undefined;
  ofContainer(podUid: string, container: string): readonly Allocation[];
  add(allocation: Allocation): void;
  remove(podUid: string, container: string, resource: string): void;
  /** True when there were some. */
  removePod(podUid: string): boolean;
  all(): readonly Allocation[];
  /** Ids of a resource that some container has. */
  inUse(resource: string): ReadonlySet<string>;
}

export const idsOf = ({ devices }: Pick<Allocation, 'devices'>): readonly string[] => [
  ...new Set(Object.values(devices).flat()),
];

export function createAllocations(): Allocations {
  const byKey = new Map<string, Allocation>();
  const keyOf = (podUid: string, container: string, resource: string): string =>
    `${podUid}\0${container}\0${resource}`;
  return {
    get: (...key) => byKey.get(keyOf(...key)),
    ofContainer: (podUid, container) =>
      [...byKey.values()].filter((one) => one.podUid === podUid && one.container === container),
    add: (one) => void byKey.set(keyOf(one.podUid, one.container, one.resource), one),
    remove: (...key) => void byKey.delete(keyOf(...key)),
    removePod(podUid) {
      const keys = [...byKey].filter(([, one]) => one.podUid === podUid).map(([key]) => key);
      for (const key of keys) byKey.delete(key);
      return keys.length > 0;
    },
    all: () => [...byKey.values()],
    inUse: (resource) =>
      new Set([...byKey.values()].filter((one) => one.resource === resource).flatMap(idsOf)),
  };
}

/**
 * Devices that an earlier init container of the pod had, and which a container may have after it: init containers end
 * before the next begins, sidecars keep theirs.
 */
export function reusable(
  pod: Pod,
  container: string,
  resource: string,
  allocations: Pick<Allocations, 'get'>,
): ReadonlySet<string> {
  const free = new Set<string>();
  const had = (name: string): readonly string[] => {
    const own = allocations.get(pod.metadata.uid ?? '', name, resource);
    return own === undefined ? [] : idsOf(own);
  };
  for (const init of pod.spec?.initContainers ?? []) {
    if (init.name === container) return free;
    for (const id of had(init.name))
      if (!isSidecar(init)) free.add(id);
      else free.delete(id);
  }
  for (const { name } of pod.spec?.containers ?? []) {
    if (name === container) return free;
    for (const id of had(name)) free.delete(id);
  }
  return free;
}
