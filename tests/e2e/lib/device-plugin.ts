import { join } from 'node:path';
import { startFakeDevicePlugin } from '@kubeedge-ts/testing/plugins';

/** A device plugin in this process: every device is `/dev/null` under another name. */
export interface DevicePlugin {
  close(): Promise<void>;
}

export async function startDevicePlugin(
  resourceName: string,
  ids: readonly string[],
  root: string,
): Promise<DevicePlugin> {
  const plugin = await startFakeDevicePlugin({
    resourceName,
    devices: ids.map((id) => ({ id })),
    directory: join(root, 'device-plugins'),
  });
  plugin.allocation = (devices) => ({
    envs: { FAKE_DEVICES: devices.join() },
    devices: devices.map((id) => ({ containerPath: `/dev/${id}`, hostPath: '/dev/null', permissions: 'rw' })),
  });
  await plugin.register();
  return { close: () => plugin.stop() };
}
