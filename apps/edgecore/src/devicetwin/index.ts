export type { DeviceMessage } from './device-requests.ts';
export { createDeviceTwin, type DeviceMqtt, type DeviceTwinOptions, noDeviceMqtt } from './devicetwin.ts';
