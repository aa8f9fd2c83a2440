import { join } from 'node:path';
import { DEVICE_PLUGIN_VERSION, type DevicePluginClient } from '@kubeedge-ts/kubelet-plugins/device-plugin';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { PluginHandler } from '../plugin-registry/registry.ts';
import { connectEndpoint, type Endpoint } from './endpoint.ts';
import { expired, type Inventory, listed, nextExpiry, recalled, registered, stopped } from './inventory.ts';
import { isExtendedResource } from './resource-name.ts';

export interface RegisterRequest {
  readonly version: string;
  readonly endpoint: string;
  readonly resourceName: string;
}

export interface DevicePluginsOptions {
  /** Where plugins have their sockets. */
  readonly dir: string;
  readonly connect: (endpoint: string) => DevicePluginClient;
  /** The node has other devices now. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The device plugins that are connected, and the devices they offer. */
export interface DevicePlugins {
  /** A plugin says it is there. Rejects with why it is not taken. */
  register(request: RegisterRequest): Promise<void>;
  /** For plugins that register in `plugins_registry`. */
  readonly handler: PluginHandler;
  /** Resources that an earlier run knew. */
  recall(resources: Iterable<string>): void;
  endpoint(resource: string): Endpoint | undefined;
  readonly inventory: Inventory;
  /** Lets go of all. */
  close(): Promise<void>;
}

export function createDevicePlugins(options: DevicePluginsOptions): DevicePlugins {
  const { dir, connect, onChange, clock, log } = options;
  const endpoints = new Map<string, Endpoint>();
  let inventory: Inventory = new Map();
  let cancelExpiry = (): void => {};

  const change = (next: Inventory): void => {
    inventory = next;
    cancelExpiry();
    const at = nextExpiry(next);
    if (at !== undefined)
      cancelExpiry = clock.after(Math.max(0, at - clock.now()), () =>
        change(expired(inventory, clock.now())),
      );
    onChange();
  };

  const attach = async (resource: string, socket: string): Promise<void> => {
    let own: Endpoint | undefined;
    /** What it says before it is taken. */
    let early: Parameters<typeof listed>[2] | undefined;
    let gone = false;
    own = await connectEndpoint({
      resource,
      client: connect(socket),
      onList(devices) {
        if (own === undefined) early = devices;
        else if (endpoints.get(resource) === own) change(listed(inventory, resource, devices));
      },
      onStopped() {
        gone = true;
        if (own === undefined || endpoints.get(resource) !== own) return;
        endpoints.delete(resource);
        change(stopped(inventory, resource, clock.now()));
      },
      log,
    });
    if (gone) throw new Error(`the device plugin of ${resource} has gone again`);
    const before = endpoints.get(resource);
    endpoints.set(resource, own);
    const known = registered(inventory, resource);
    change(early === undefined ? known : listed(known, resource, early));
    await before?.close();
    log.info({ resource, socket }, 'device plugin registered');
  };

  const checkName = (resource: string): void => {
    if (!isExtendedResource(resource)) throw new Error(`the ResourceName "${resource}" is invalid`);
  };

  return {
    async register({ version, endpoint, resourceName }) {
      if (version !== DEVICE_PLUGIN_VERSION) {
        const supported = `Supported version is ["${DEVICE_PLUGIN_VERSION}"]`;
        throw new Error(`requested API version "${version}" is not supported by kubelet. ${supported}`);
      }
      checkName(resourceName);
      if (!/^[\w.-]{1,255}$/.test(endpoint) || endpoint.startsWith('..'))
        throw new Error(`the endpoint "${endpoint}" is not the name of a socket in ${dir}`);
      await attach(resourceName, join(dir, endpoint));
    },
    handler: {
      async register({ name, endpoint, versions }) {
        if (!versions.includes(DEVICE_PLUGIN_VERSION)) {
          const offered = `[${versions.join(' ')}]`;
          throw new Error(
            `manager version, ${DEVICE_PLUGIN_VERSION}, is not among plugin supported versions ${offered}`,
          );
        }
        checkName(name);
        await attach(name, endpoint);
      },
      unregister(resource) {
        const endpoint = endpoints.get(resource);
        if (endpoint === undefined) return;
        endpoints.delete(resource);
        void endpoint.close();
        change(stopped(inventory, resource, clock.now()));
        log.info({ resource }, 'device plugin has gone');
      },
    },
    recall(resources) {
      inventory = recalled(resources);
    },
    endpoint: (resource) => endpoints.get(resource),
    get inventory() {
      return inventory;
    },
    async close() {
      cancelExpiry();
      await Promise.all([...endpoints.values()].map((endpoint) => endpoint.close()));
      endpoints.clear();
    },
  };
}
