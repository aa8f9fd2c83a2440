import { join } from 'node:path';
import { createCodec, createGrpcClient, type GrpcCode, type Init } from '@kubeedge-ts/grpc';
import {
  createGrpcServer,
  GrpcRefusal,
  type GrpcServer,
  type ServiceImplementation,
  serviceOf,
} from '@kubeedge-ts/grpc/server';
import {
  type ContainerAllocateResponse,
  DEVICE_PLUGIN_METHODS,
  DEVICE_PLUGIN_VERSION,
  DeviceHealth,
  type DevicePluginMethods,
  type DevicePluginOptions,
  REGISTRATION_METHODS,
  type RegistrationMethods,
  TABLES,
} from '@kubeedge-ts/kubelet-plugins/device-plugin';
import { systemClock } from '@kubeedge-ts/runtime';
import { createFaults } from '../faults.ts';

export type DeviceCall = Uncapitalize<keyof DevicePluginMethods>;

export interface FakeDevice {
  readonly id: string;
  /** Default true. */
  readonly healthy?: boolean;
  readonly numaNode?: number;
}

export interface FakeDevicePlugin {
  readonly resourceName: string;
  readonly calls: readonly { readonly call: DeviceCall; readonly request: object }[];
  /** What a container gets for its devices; default: a variable DEVICES, and `/dev/null` under each device's name. */
  allocation: (ids: readonly string[]) => Init<ContainerAllocateResponse>;
  /** The whole list, told at once. */
  setDevices(devices: readonly FakeDevice[]): void;
  fail(call: DeviceCall, failure: { code: GrpcCode; details: string }, times?: number): void;
  hang(call: DeviceCall): void;
  heal(call?: DeviceCall): void;
  /** Registers with the kubelet, as a plugin does at its start and when `kubelet.sock` is made anew. */
  register(version?: string): Promise<void>;
  /** The plugin dies; its socket goes with it. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

export interface FakeDevicePluginOptions {
  readonly resourceName: string;
  readonly devices: readonly FakeDevice[];
  /** `<kubelet root>/device-plugins`, which exists. */
  readonly directory: string;
  readonly options?: Partial<DevicePluginOptions>;
}

/** A device plugin that serves and does not register by itself. */
export async function startFakeDevicePlugin(wanted: FakeDevicePluginOptions): Promise<FakeDevicePlugin> {
  const { resourceName, directory, options = {} } = wanted;
  const endpoint = `${resourceName.replaceAll('/', '_')}.sock`;
  const calls: { call: DeviceCall; request: object }[] = [];
  const faults = createFaults<DeviceCall, { code: GrpcCode; details: string }>(
    ({ code, details }) => new GrpcRefusal(code, details),
  );
  let { devices } = wanted;
  let changed = Promise.withResolvers<void>();
  let server: GrpcServer | undefined;

  const arrive = async (call: DeviceCall, request: object, signal: AbortSignal): Promise<void> => {
    calls.push({ call, request });
    await faults.pass(call, signal);
    signal.throwIfAborted();
  };
  const implementation: ServiceImplementation<DevicePluginMethods> = {
    async getDevicePluginOptions(request, { signal }) {
      await arrive('getDevicePluginOptions', request, signal);
      return options;
    },
    async *listAndWatch(request, { signal }) {
      await arrive('listAndWatch', request, signal);
      const aborted = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve());
      });
      while (!signal.aborted) {
        const next = changed.promise;
        yield { devices: devices.map(deviceOf) };
        await Promise.race([next, aborted]);
      }
    },
    async getPreferredAllocation(request, { signal }) {
      await arrive('getPreferredAllocation', request, signal);
      // The last ones, so that it shows whether its wish was heard.
      return {
        containerResponses: request.containerRequests.map((one) => ({
          deviceIDs: [
            ...one.mustIncludeDeviceIDs,
            ...one.availableDeviceIDs.filter((id) => !one.mustIncludeDeviceIDs.includes(id)).reverse(),
          ].slice(0, one.allocationSize),
        })),
      };
    },
    async allocate(request, { signal }) {
      await arrive('allocate', request, signal);
      return {
        containerResponses: request.containerRequests.map(({ devicesIds }) => plugin.allocation(devicesIds)),
      };
    },
    async preStartContainer(request, { signal }) {
      await arrive('preStartContainer', request, signal);
      return {};
    },
  };

  const plugin: FakeDevicePlugin = {
    resourceName,
    calls,
    allocation: (ids) => ({
      envs: { DEVICES: ids.join() },
      devices: ids.map((id) => ({ containerPath: `/dev/${id}`, hostPath: '/dev/null', permissions: 'rw' })),
    }),
    setDevices(list) {
      devices = list;
      const told = changed;
      changed = Promise.withResolvers();
      told.resolve();
    },
    fail: (call, failure, times = Number.POSITIVE_INFINITY) => faults.fail(call, failure, times),
    hang: (call) => faults.hang(call),
    heal: (call) => (call === undefined ? faults.healAll() : faults.heal(call)),
    async register(version = DEVICE_PLUGIN_VERSION) {
      const kubelet = createGrpcClient<RegistrationMethods>({
        target: { path: join(directory, 'kubelet.sock') },
        clock: systemClock,
        methods: REGISTRATION_METHODS,
        codec: createCodec(TABLES),
        deadlineOf: () => 10_000,
      });
      try {
        await kubelet.register({ version, endpoint, resourceName, options });
      } finally {
        kubelet.close();
      }
    },
    async goAway() {
      await server?.close();
      server = undefined;
    },
    async comeBack() {
      server = await createGrpcServer({
        listen: { path: join(directory, endpoint) },
        clock: systemClock,
        services: [serviceOf<DevicePluginMethods>(DEVICE_PLUGIN_METHODS, TABLES, implementation)],
      });
    },
    async stop() {
      await plugin.goAway();
      faults.healAll();
    },
  };
  await plugin.comeBack();
  return plugin;
}

function deviceOf({ id, healthy = true, numaNode }: FakeDevice) {
  return {
    ID: id,
    health: healthy ? DeviceHealth.healthy : DeviceHealth.unhealthy,
    ...(numaNode === undefined ? {} : { topology: { nodes: [{ ID: numaNode }] } }),
  };
}
