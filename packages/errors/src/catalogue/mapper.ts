import { defineErrors } from '../kubeedge-error.ts';

export const mapperErrors = defineErrors({
  MAPPER_OPTION_INVALID: {
    message: '{option} {value} is not usable: {problem}',
    advice: 'Correct the option; see --help of the mapper.',
  },
  MAPPER_READ_FAILED: {
    message: 'property {property} of device {device} could not be read',
    advice: 'See the cause. The device is reported as offline until a read succeeds.',
  },
  MAPPER_WRITE_FAILED: {
    message: 'property {property} of device {device} could not be set to {value}',
    advice: 'See the cause. It is tried again while the desired value differs from the reported one.',
  },
  MAPPER_TIMEOUT: {
    message: 'device {device} did not answer within {timeoutMs} ms',
    advice: 'Check the device and its connection, or raise the time limit of the mapper.',
  },
  MAPPER_REFUSED: {
    message: 'edgecore refused a report of device {device}: {reason}',
    advice: 'Compare the reported values with the types in the DeviceModel.',
  },
  MAPPER_MESSAGE_INVALID: {
    message: 'message on {topic} is not understood: {problem}',
    advice: 'Only edgecore should publish there; check the access rules of the broker.',
  },
});
