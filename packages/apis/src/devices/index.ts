export * from './conversion/index.ts';
export { deviceCrds, UNSET_CONVERSION_URL, webhookConversion } from './crds.ts';
export type { DeviceModelSpecV1alpha1, DeviceSpecV1alpha1 } from './v1alpha1.ts';
export type { DeviceModelSpecV1alpha2, DeviceSpecV1alpha2 } from './v1alpha2.ts';
export {
  DEVICES_GROUP,
  type Device,
  type DeviceModel,
  type DeviceModelSpec,
  type DeviceProperty,
  type DeviceSpec,
  type DeviceStatus,
  type DeviceStatusStatus,
  deviceModels,
  deviceStatuses,
  devices,
  type ProtocolConfig,
  type ReportedTwin,
  type TwinProperty,
} from './v1beta1.ts';
