import { createCodec, createGrpcClient, type GrpcClient, unixTarget } from '@kubeedge-ts/grpc';
import { type GrpcServer, serviceOf } from '@kubeedge-ts/grpc/server';
import type { Clock } from '@kubeedge-ts/runtime';
import {
  DEVICE_PLUGIN_METHODS,
  type DevicePluginMethods,
  REGISTRATION_METHODS,
  type RegisterRequest,
  type RegistrationMethods,
  TABLES,
} from './generated/device-plugin.ts';
import { serveSocket } from './serve-socket.ts';

export * from './generated/device-plugin.ts';

/** The one version of the API (spec/kubelet-plugin-fields.md, "Constants"). */
export const DEVICE_PLUGIN_VERSION = 'v1beta1';
export const DeviceHealth = { healthy: 'Healthy', unhealthy: 'Unhealthy' } as const;

/** A device plugin; `listAndWatch` yields the whole list of devices whenever it changes, until the plugin goes. */
export type DevicePluginClient = GrpcClient<DevicePluginMethods>;

const OPTIONS_MS = 10_000;
const PRE_START_MS = 30_000;
/** The kubelet waits without end for an allocation; a pod that waits for ever says nothing. */
const ALLOCATE_MS = 120_000;

/** @throws KubeEdgeError GRPC_ENDPOINT_INVALID */
export function createDevicePluginClient(
  endpoint: string,
  { clock }: { readonly clock: Clock },
): DevicePluginClient {
  return createGrpcClient<DevicePluginMethods>({
    target: unixTarget(endpoint),
    clock,
    methods: DEVICE_PLUGIN_METHODS,
    codec: createCodec(TABLES),
    // A node with thousands of shared devices lists them in one message.
    maxMessageBytes: 16 * 1024 * 1024,
    deadlineOf: (method) =>
      method === 'ListAndWatch'
        ? undefined
        : method === 'GetDevicePluginOptions'
          ? OPTIONS_MS
          : method === 'PreStartContainer'
            ? PRE_START_MS
            : ALLOCATE_MS,
  });
}

/**
 * The socket plugins register at, `<kubelet root>/device-plugins/kubelet.sock`; a stale one is replaced. What
 * `onRegister` throws (a `GrpcRefusal` with its code) is the plugin's answer.
 *
 * @throws KubeEdgeError GRPC_LISTEN_FAILED
 */
export function serveDeviceRegistration(
  socketPath: string,
  onRegister: (request: RegisterRequest) => void | Promise<void>,
  ports: { readonly clock: Clock },
): Promise<GrpcServer> {
  const service = serviceOf<RegistrationMethods>(REGISTRATION_METHODS, TABLES, {
    register: async (request) => {
      await onRegister(request);
      return {};
    },
  });
  return serveSocket(socketPath, service, ports);
}
