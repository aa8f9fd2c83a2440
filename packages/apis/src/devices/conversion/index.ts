export {
  type Conversion,
  CREATED_AS_ANNOTATION,
  convertDeviceObject,
  DEVICE_VERSIONS,
  type DeviceVersion,
  versionAnnotation,
} from './convert.ts';
