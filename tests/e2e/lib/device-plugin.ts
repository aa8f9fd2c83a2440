import { join } from 'node:path';
import { createCodec, createGrpcClient } from '@kubeedge-ts/grpc';
import { createGrpcServer, serviceOf } from '@kubeedge-ts/grpc/server';
import {
  DEVICE_PLUGIN_METHODS,
  type DevicePluginMethods,
  REGISTRATION_METHODS,
  type RegistrationMethods,
  TABLES,
} from '@kubeedge-ts/kubelet-plugins/device-plugin';
import { systemClock } from '@kubeedge-ts/runtime';

/** A device plugin in this process: every device is `/dev/null` under another name. */
export interface DevicePlugin {
  close(): Promise<void>;
}

export async function startDevicePlugin(
  resourceName: string,
  ids: readonly string[],
  root: string,
): Promise<DevicePlugin> {
  const dir = join(root, 'device-plugins');
  const endpoint = 'fake.sock';
  const server = await createGrpcServer({
    listen: { path: join(dir, endpoint) },
    clock: systemClock,
    services: [
      serviceOf<DevicePluginMethods>(DEVICE_PLUGIN_METHODS, TABLES, {
        getDevicePluginOptions: () => ({}),
        async *listAndWatch(_request, { signal }) {
          yield { devices: ids.map((ID) => ({ ID, health: 'Healthy' })) };
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        },
        allocate: ({ containerRequests }) => ({
          containerResponses: containerRequests.map(({ devicesIds }) => ({
            envs: { FAKE_DEVICES: devicesIds.join() },
            devices: devicesIds.map((id) => ({
              containerPath: `/dev/${id}`,
              hostPath: '/dev/null',
              permissions: 'rw',
            })),
          })),
        }),
      }),
    ],
  });
  const kubelet = createGrpcClient<RegistrationMethods>({
    target: { path: join(dir, 'kubelet.sock') },
    clock: systemClock,
    methods: REGISTRATION_METHODS,
    codec: createCodec(TABLES),
    deadlineOf: () => 10_000,
  });
  await kubelet.register({ version: 'v1beta1', endpoint, resourceName });
  kubelet.close();
  return { close: () => server.close() };
}
