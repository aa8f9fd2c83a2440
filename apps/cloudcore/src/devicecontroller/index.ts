export {
  createDeviceController,
  type DeviceController,
  type DeviceControllerOptions,
  type DeviceControllerPorts,
} from './device-controller.ts';
