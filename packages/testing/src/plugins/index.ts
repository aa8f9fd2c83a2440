export {
  type CsiCall,
  type CsiFailure,
  type FakeCsiDriver,
  type FakeCsiDriverOptions,
  startFakeCsiDriver,
} from './csi-driver.ts';
export {
  type DeviceCall,
  type FakeDevice,
  type FakeDevicePlugin,
  type FakeDevicePluginOptions,
  startFakeDevicePlugin,
} from './device-plugin.ts';
export { type HealthServer, startHealthServer } from './health-server.ts';
