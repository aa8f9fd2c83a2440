import type { Device } from '@kubeedge-ts/kubelet-plugins/device-plugin';

/** The devices of one resource, as its plugin last listed them. */
export interface Resource {
  readonly healthy: ReadonlySet<string>;
  readonly unhealthy: ReadonlySet<string>;
  /** NUMA nodes of a device; absent: the plugin does not say. */
  readonly nodes: ReadonlyMap<string, readonly number[]>;
  /** When its plugin went, ms since the epoch; undefined while it is there. */
  readonly stoppedAt: number | undefined;
}

/** Resource name → devices. Pure: every change is a new inventory. */
export type Inventory = ReadonlyMap<string, Resource>;

/** A plugin that went may come back within this time, and so may its devices (spec/edged.md §12.6). */
export const GRACE_MS = 300_000;

const NONE: Resource = { healthy: new Set(), unhealthy: new Set(), nodes: new Map(), stoppedAt: undefined };

/** What an earlier run knew: nothing is offered before the plugin registers again. */
export function recalled(resources: Iterable<string>): Inventory {
  return new Map([...resources].map((name) => [name, { ...NONE, stoppedAt: Number.NEGATIVE_INFINITY }]));
}

export function registered(inventory: Inventory, name: string): Inventory {
  return new Map(inventory).set(name, { ...(inventory.get(name) ?? NONE), stoppedAt: undefined });
}

export function listed(inventory: Inventory, name: string, devices: readonly Device[]): Inventory {
  const ids = (healthy: boolean): Set<string> =>
    new Set(devices.filter(({ health }) => (health === 'Healthy') === healthy).map(({ ID }) => ID));
  const nodes = new Map(
    devices
      .map(({ ID, topology }) => [ID, (topology?.nodes ?? []).map((node) => node.ID)] as const)
      .filter(([, list]) => list.length > 0),
  );
  const stoppedAt = inventory.get(name)?.stoppedAt;
  return new Map(inventory).set(name, { healthy: ids(true), unhealthy: ids(false), nodes, stoppedAt });
}

/** Its devices are counted for a while, but none is given away. */
export function stopped(inventory: Inventory, name: string, now: number): Inventory {
  const resource = inventory.get(name);
  if (resource === undefined || resource.stoppedAt !== undefined) return inventory;
  const unhealthy = new Set([...resource.unhealthy, ...resource.healthy]);
  return new Map(inventory).set(name, { ...resource, healthy: new Set(), unhealthy, stoppedAt: now });
}

/** Devices of plugins that stayed away are gone; the resource stays known, with none. */
export function expired(inventory: Inventory, now: number): Inventory {
  return new Map(
    [...inventory].map(([name, resource]) =>
      resource.stoppedAt !== undefined && now - resource.stoppedAt >= GRACE_MS
        ? [name, { ...NONE, stoppedAt: resource.stoppedAt }]
        : [name, resource],
    ),
  );
}

/** When `expired` changes something next, ms since the epoch. */
export function nextExpiry(inventory: Inventory): number | undefined {
  const times = [...inventory.values()]
    .filter(({ stoppedAt, unhealthy }) => stoppedAt !== undefined && unhealthy.size > 0)
    .map(({ stoppedAt = 0 }) => stoppedAt + GRACE_MS);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Resource → count of devices, for the node's status. */
export function counts(inventory: Inventory): {
  readonly capacity: Record<string, string>;
  readonly allocatable: Record<string, string>;
} {
  const capacity: Record<string, string> = {};
  const allocatable: Record<string, string> = {};
  for (const [name, { healthy, unhealthy }] of inventory) {
    capacity[name] = String(healthy.size + unhealthy.size);
    allocatable[name] = String(healthy.size);
  }
  return { capacity, allocatable };
}
