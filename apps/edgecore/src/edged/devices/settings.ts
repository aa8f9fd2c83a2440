import type { CDIDevice, ContainerConfig, Device, Init, Mount } from '@kubeedge-ts/cri';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Allocation } from './allocations.ts';

/** What a container gets with its devices. */
export interface DeviceSettings {
  readonly envs: ReadonlyMap<string, string>;
  readonly mounts: readonly Init<Mount>[];
  readonly devices: readonly Init<Device>[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly cdiDevices: readonly Init<CDIDevice>[];
}

export const NO_SETTINGS: DeviceSettings = {
  envs: new Map(),
  mounts: [],
  devices: [],
  annotations: {},
  cdiDevices: [],
};

/** Joins what the plugins of a container's resources ask for; the first wins where two ask for different things. */
export function settingsOf(allocations: readonly Allocation[], log: Logger): DeviceSettings {
  const envs = new Map<string, string>();
  const mounts = new Map<string, Init<Mount>>();
  const devices = new Map<string, Init<Device>>();
  const annotations = new Map<string, string>();
  const cdi = new Set<string>();
  for (const { response, resource } of allocations) {
    const take = <T>(map: Map<string, T>, key: string, value: T, same: (known: T) => boolean): void => {
      const known = map.get(key);
      if (known === undefined) map.set(key, value);
      else if (!same(known))
        log.warn({ resource, key }, 'device plugins ask for different things, the first wins');
    };
    for (const [key, value] of Object.entries(response.envs))
      take(envs, key, value, (known) => known === value);
    for (const [key, value] of Object.entries(response.annotations))
      take(annotations, key, value, (known) => known === value);
    for (const { containerPath, hostPath, readOnly } of response.mounts) {
      const mount = { containerPath, hostPath, readonly: readOnly };
      take(mounts, containerPath, mount, (known) => known.hostPath === hostPath);
    }
    for (const { containerPath, hostPath, permissions } of response.devices) {
      const device = { containerPath, hostPath, permissions };
      take(devices, containerPath, device, (known) => known.hostPath === hostPath);
    }
    for (const { name } of response.cdiDevices) cdi.add(name);
  }
  return {
    envs,
    mounts: [...mounts.values()],
    devices: [...devices.values()],
    annotations: Object.fromEntries(annotations),
    cdiDevices: [...cdi].map((name) => ({ name })),
  };
}

/** Adds what has no place of its own among the container's settings. */
export function withDevices(
  config: Init<ContainerConfig>,
  { annotations, cdiDevices }: DeviceSettings,
): Init<ContainerConfig> {
  return {
    ...config,
    annotations: { ...annotations, ...config.annotations },
    ...(cdiDevices.length === 0 ? {} : { cdiDevices }),
  };
}
