import type { Device } from './types.ts';

/** The devices of this node, in memory as they are in the store. */
export interface Registry {
  readonly size: number;
  all(): Iterable<Device>;
  get(id: string): Device | undefined;
  /**
   * The device a topic means: by id, or a device `namespace/name` by its name alone (the topics of KubeEdge 1.9)
   * as long as the name is unique on the node.
   */
  find(id: string): Device | undefined;
  put(device: Device): void;
  remove(id: string): void;
}

export function createRegistry(): Registry {
  const devices = new Map<string, Device>();
  const byName = new Map<string, Set<string>>();
  return {
    get size() {
      return devices.size;
    },
    all: () => devices.values(),
    get: (id) => devices.get(id),
    find(id) {
      const exact = devices.get(id);
      if (exact !== undefined || id.includes('/')) return exact;
      const ids = byName.get(id);
      return ids?.size === 1 ? devices.get([...ids][0] as string) : undefined;
    },
    put(device) {
      devices.set(device.id, device);
      const name = lastLevel(device.id);
      const ids = byName.get(name) ?? new Set();
      byName.set(name, ids.add(device.id));
    },
    remove(id) {
      devices.delete(id);
      const name = lastLevel(id);
      const ids = byName.get(name);
      ids?.delete(id);
      if (ids?.size === 0) byName.delete(name);
    },
  };
}

/** The name in a device id. */
export function lastLevel(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}
