import {
  anyObject,
  boolean,
  integer,
  list,
  map,
  number,
  object,
  oneOf,
  required,
  string,
  type TypeOf,
} from '../schema/structural.ts';
import { twinProperty } from './v1beta1.ts';

const int64 = () => integer('int64');
const BAUD_RATES = [
  115200, 57600, 38400, 19200, 9600, 4800, 2400, 1800, 1200, 600, 300, 200, 150, 134, 110, 75, 50,
];
export const REGISTERS = [
  'CoilRegister',
  'DiscreteInputRegister',
  'InputRegister',
  'HoldingRegister',
] as const;

/** The serial line of a device; v1alpha1 has the same fields, required. */
export const com = {
  serialPort: string(),
  baudRate: integer('int64', { enum: BAUD_RATES }),
  dataBits: integer('int64', { enum: [8, 7, 6, 5] }),
  parity: oneOf('none', 'even', 'odd'),
  stopBits: integer('int64', { enum: [1, 2] }),
};
export const tcp = { ip: string(), port: int64() };
export const commonScalars = {
  commType: string(),
  reconnTimeout: int64(),
  reconnRetryTimes: int64(),
  collectTimeout: int64(),
  collectRetryTimes: int64(),
  collectType: oneOf('sync', 'async'),
};
const opcua = {
  url: string(),
  userName: string(),
  password: string(),
  securityPolicy: string(),
  securityMode: string(),
  certificate: string(),
  privateKey: string(),
  timeout: int64(),
};
const custom = object({ protocolName: string(), configData: anyObject() });

/** Fields of `spec.protocol.<name>`, by protocol. */
export const protocolFields = {
  opcua,
  modbus: { slaveID: int64() },
  bluetooth: { macAddress: string() },
} as const;

/** Fields of `spec.propertyVisitors[].<name>`, by protocol. */
export const visitorFields = {
  opcua: { nodeID: string(), browseName: string() },
  modbus: {
    register: oneOf(...REGISTERS),
    offset: int64(),
    limit: int64(),
    scale: number(),
    isSwap: boolean(),
    isRegisterSwap: boolean(),
  },
  bluetooth: {
    characteristicUUID: string(),
    /** Values are base64 text. */
    dataWrite: map(string()),
    dataConverter: object({
      startIndex: integer(),
      endIndex: integer(),
      shiftLeft: integer(),
      shiftRight: integer(),
      orderOfOperations: list(object({ operationType: string(), operationValue: number() })),
    }),
  },
} as const;

const selectorRequirement = object({
  key: required(string()),
  operator: required(string()),
  values: list(string()),
});

/** spec/crds.md §3.1. */
export const deviceSpecV1alpha2 = object({
  deviceModelRef: object({ name: string({ default: '' }) }),
  nodeSelector: object({
    nodeSelectorTerms: required(
      list(object({ matchExpressions: list(selectorRequirement), matchFields: list(selectorRequirement) })),
    ),
  }),
  protocol: object({
    opcua: object(protocolFields.opcua),
    modbus: object(protocolFields.modbus),
    bluetooth: object(protocolFields.bluetooth),
    customizedProtocol: custom,
    common: object({
      com: object(com),
      tcp: object(tcp),
      ...commonScalars,
      customizedValues: anyObject(),
    }),
  }),
  propertyVisitors: list(
    object({
      propertyName: string(),
      /** Nanoseconds. */
      reportCycle: int64(),
      /** Nanoseconds. */
      collectCycle: int64(),
      customizedValues: anyObject(),
      opcua: object(visitorFields.opcua),
      modbus: object(visitorFields.modbus),
      bluetooth: object(visitorFields.bluetooth),
      customizedProtocol: custom,
    }),
  ),
  data: object({
    dataProperties: list(object({ propertyName: string(), metadata: map(string()) })),
    dataTopic: string(),
  }),
});

export const deviceStatusFieldV1alpha2 = object({
  twins: list(object({ propertyName: string(), desired: twinProperty, reported: twinProperty })),
});

const accessMode = oneOf('ReadWrite', 'ReadOnly');
const ranged = (value: () => ReturnType<typeof number>) =>
  object({ accessMode, defaultValue: value(), minimum: value(), maximum: value(), unit: string() });

/** `type.<name>` of a model property. */
export const propertyTypes = {
  int: ranged(int64),
  string: object({ accessMode, defaultValue: string() }),
  double: ranged(number),
  float: ranged(number),
  boolean: object({ accessMode, defaultValue: boolean() }),
  bytes: object({ accessMode }),
} as const;

/** spec/crds.md §3.2. */
export const deviceModelSpecV1alpha2 = object({
  protocol: string(),
  properties: list(object({ name: string(), description: string(), type: object(propertyTypes) })),
});

export type DeviceSpecV1alpha2 = TypeOf<typeof deviceSpecV1alpha2>;
export type DeviceModelSpecV1alpha2 = TypeOf<typeof deviceModelSpecV1alpha2>;
