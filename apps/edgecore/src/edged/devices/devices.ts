import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod } from '@kubeedge-ts/apis';
import { edgedErrors, errorText } from '@kubeedge-ts/errors';
import { createCodec } from '@kubeedge-ts/grpc';
import {
  type ContainerAllocateResponse,
  type DevicePluginClient,
  TABLES,
} from '@kubeedge-ts/kubelet-plugins/device-plugin';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { PluginHandler } from '../plugin-registry/registry.ts';
import { everyContainerOf } from '../pod/spec.ts';
import { wholeValue } from '../quantity.ts';
import { createTurns } from '../turns.ts';
import { type Allocation, createAllocations, idsOf, reusable } from './allocations.ts';
import { CHECKPOINT_FILE, type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { chooseDevices } from './choose.ts';
import { counts, type Inventory } from './inventory.ts';
import { createDevicePlugins, type RegisterRequest } from './plugins.ts';
import { type DeviceSettings, NO_SETTINGS, settingsOf } from './settings.ts';

export interface DevicesOptions {
  /** `<root>/device-plugins`: sockets of plugins, and the checkpoint. */
  readonly dir: string;
  readonly connect: (endpoint: string) => DevicePluginClient;
  /** Pods of this node; undefined while they are not known yet. Devices of others are free. */
  readonly pods: () => readonly Pod[] | undefined;
  /** The node has other devices now. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Devices that plugins offer, and which containers have them (spec/edged.md §12.6). */
export interface Devices {
  /** Reads what an earlier run, or an upstream kubelet, gave away. Never rejects. */
  open(): Promise<void>;
  /** A plugin says it is there. Rejects with why it is not taken. */
  register(request: RegisterRequest): Promise<void>;
  /** For plugins that register in `plugins_registry`. */
  readonly handler: PluginHandler;
  /**
   * What the container gets, before it is created; the same again when it is restarted.
   * @throws EDGED_DEVICES when the node cannot give what it asks for
   */
  allocate(pod: Pod, container: Container, signal?: AbortSignal): Promise<DeviceSettings>;
  /** The pod has ended: its devices are free. Resolves when that is durable. */
  release(podUid: string): Promise<void>;
  readonly inventory: Inventory;
  readonly allocations: readonly Allocation[];
  /** Resource → count; a resource whose plugin stayed away counts 0. */
  capacity(): Readonly<Record<string, string>>;
  allocatable(): Readonly<Record<string, string>>;
  /** Until the signal aborts; then lets go of all plugins. */
  run(signal: AbortSignal): Promise<void>;
}

const RESPONSE = 'ContainerAllocateResponse';

export function createDevices(options: DevicesOptions): Devices {
  const { dir, pods, onChange, log } = options;
  const codec = createCodec(TABLES);
  const turns = createTurns();
  const saves = createTurns();
  const allocations = createAllocations();
  const save = (): Promise<void> =>
    saves.run(async () => {
      const checkpoint: Checkpoint = {
        entries: allocations.all().map(({ response, ...entry }) => ({
          ...entry,
          response: codec.encode(RESPONSE, response),
        })),
        registered: Object.fromEntries(
          [...plugins.inventory].map(([name, { healthy }]) => [name, [...healthy]]),
        ),
      };
      await writeCheckpoint(dir, checkpoint);
    });

  const saveSoon = (): void => {
    save().catch((error: unknown) =>
      log.warn({ err: errorText(error) }, 'devices could not be noted on the disk'),
    );
  };

  const plugins = createDevicePlugins({
    ...options,
    onChange() {
      saveSoon();
      onChange();
    },
  });

  /** What of the container's limits plugins give, now or in an earlier run. */
  const wantedBy = (container: Container): [string, number][] =>
    Object.entries(container.resources?.limits ?? {})
      .map(([name, quantity]): [string, number] => [name, wholeValue(quantity)])
      .filter(
        ([name, count]) => count > 0 && (plugins.inventory.has(name) || allocations.inUse(name).size > 0),
      );

  /** Whether a container may go on with what it was given before. @throws Error in the kubelet's words */
  const checkOwn = ({ podUid, container, resource, ...own }: Allocation, count: number): void => {
    const ids = idsOf(own);
    if (ids.length !== count) {
      const change = `request for resource "${resource}" from ${ids.length} to ${count}`;
      throw new Error(`pod "${podUid}" container "${container}" changed ${change}`);
    }
    const healthy = plugins.inventory.get(resource)?.healthy;
    if (healthy === undefined || healthy.size === 0)
      throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
    if (!ids.every((id) => healthy.has(id))) {
      const text = 'previously allocated devices are no longer healthy; cannot allocate unhealthy devices';
      throw new Error(`${text} ${resource}`);
    }
  };

  const allocateOne = async (
    pod: Pod,
    container: Container,
    resource: string,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    const podUid = pod.metadata.uid ?? '';
    const healthy = plugins.inventory.get(resource)?.healthy;
    if (healthy === undefined) throw new Error(`cannot allocate unregistered device ${resource}`);
    if (healthy.size === 0)
      throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
    const endpoint = plugins.endpoint(resource);
    if (endpoint === undefined) throw new Error(`unknown Device Plugin ${resource}`);
    const choice = {
      resource,
      needed: count,
      healthy,
      inUse: allocations.inUse(resource),
      reusable: reusable(pod, container.name, resource, allocations),
    };
    const ids = await chooseDevices(
      choice,
      endpoint.options.getPreferredAllocationAvailable ? endpoint.prefer : undefined,
    );
    const response = await endpoint.allocate(ids, signal);
    const devices = byNode(ids, plugins.inventory.get(resource)?.nodes ?? new Map());
    allocations.add({ podUid, container: container.name, resource, devices, response });
  };

  /** As upstream at admission: init containers first, so that the others can have what those had. */
  const allocatePod = async (pod: Pod, starting: string, signal: AbortSignal | undefined): Promise<void> => {
    const podUid = pod.metadata.uid ?? '';
    const made: [string, string][] = [];
    try {
      for (const container of everyContainerOf(pod)) {
        for (const [resource, count] of wantedBy(container)) {
          const own = allocations.get(podUid, container.name, resource);
          if (own === undefined) {
            await allocateOne(pod, container, resource, count, signal);
            made.push([container.name, resource]);
          } else if (container.name === starting) checkOwn(own, count);
        }
      }
    } catch (error) {
      for (const [container, resource] of made) allocations.remove(podUid, container, resource);
      throw error;
    }
    if (made.length > 0) await save();
  };

  const freeOthers = (): void => {
    const known = pods();
    if (known === undefined) return;
    const uids = new Set(known.map(({ metadata }) => metadata.uid));
    for (const { podUid } of allocations.all()) if (!uids.has(podUid)) allocations.removePod(podUid);
  };

  return {
    async open() {
      try {
        await mkdir(dir, { recursive: true, mode: 0o750 });
        const checkpoint = await readCheckpoint(dir);
        for (const { response, ...entry } of checkpoint?.entries ?? []) {
          const decoded = codec.decode(RESPONSE, response) as ContainerAllocateResponse;
          allocations.add({ ...entry, response: decoded });
        }
        plugins.recall(Object.keys(checkpoint?.registered ?? {}));
      } catch (error) {
        log.warn(
          { dir, file: CHECKPOINT_FILE, err: errorText(error) },
          'devices given away earlier are not known',
        );
      }
      await removeSockets(dir).catch((error: unknown) => {
        log.warn({ dir, err: errorText(error) }, 'old sockets of device plugins could not be removed');
      });
    },
    register: plugins.register,
    handler: plugins.handler,
    allocate(pod, container, signal) {
      if (wantedBy(container).length === 0) return Promise.resolve(NO_SETTINGS);
      return turns.run(async () => {
        const podUid = pod.metadata.uid ?? '';
        try {
          freeOthers();
          await allocatePod(pod, container.name, signal);
          const own = allocations.ofContainer(podUid, container.name);
          for (const one of own) {
            const endpoint = plugins.endpoint(one.resource);
            if (endpoint?.options.preStartRequired === true) await endpoint.preStart(idsOf(one), signal);
          }
          return settingsOf(own, log);
        } catch (error) {
          signal?.throwIfAborted();
          const details = {
            container: container.name,
            problem: `Allocate failed due to ${errorText(error)}, which is unexpected`,
            reason: 'UnexpectedAdmissionError',
          };
          throw edgedErrors.create('EDGED_DEVICES', details, error);
        }
      }, signal);
    },
    async release(podUid) {
      if (allocations.removePod(podUid)) await save();
    },
    get inventory() {
      return plugins.inventory;
    },
    get allocations() {
      return allocations.all();
    },
    capacity: () => counts(plugins.inventory).capacity,
    allocatable: () => counts(plugins.inventory).allocatable,
    async run(signal) {
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await plugins.close();
      await saves.run(async () => {});
    },
  };
}

function byNode(
  ids: readonly string[],
  nodes: ReadonlyMap<string, readonly number[]>,
): Record<string, string[]> {
  const result: Record<string, string[]> = {};
  for (const id of ids) {
    for (const node of nodes.get(id) ?? [-1]) {
      const list = result[node] ?? [];
      list.push(id);
      result[node] = list;
    }
  }
  return result;
}

/** Plugins notice that their socket is gone, and register anew with whoever is there now. */
async function removeSockets(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    if ((await lstat(path)).isSocket()) await rm(path, { force: true });
  }
}
