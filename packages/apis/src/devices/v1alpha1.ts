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
import { com, protocolFields, REGISTERS } from './v1alpha2.ts';
import { twinProperty } from './v1beta1.ts';

const int64 = () => integer('int64');

export const modbusRtu = object({
  serialPort: required(com.serialPort),
  baudRate: required(com.baudRate),
  dataBits: required(com.dataBits),
  parity: required(com.parity),
  stopBits: required(com.stopBits),
  slaveID: required(integer('int64', { minimum: 0, maximum: 255 })),
});
export const modbusTcp = object({
  ip: required(string()),
  port: required(int64()),
  /** Text here, an integer in rtu. */
  slaveID: required(string()),
});
export const opcuaProtocol = object({ ...protocolFields.opcua, url: required(string()) });
export const bluetoothProtocol = object({ macAddress: string() });

/** spec/crds.md §2.1. */
export const deviceSpecV1alpha1 = object({
  deviceModelRef: required(object({ name: string() })),
  nodeSelector: required(anyObject()),
  protocol: object({
    opcua: opcuaProtocol,
    modbus: object({ rtu: modbusRtu, tcp: modbusTcp }),
    bluetooth: bluetoothProtocol,
  }),
});

export const deviceStatusFieldV1alpha1 = object({
  twins: list(object({ propertyName: required(string()), desired: twinProperty, reported: twinProperty })),
});

const accessMode = required(oneOf('ReadOnly', 'ReadWrite'));

export const propertyTypesV1alpha1 = {
  int: object({ accessMode, defaultValue: int64(), minimum: int64(), maximum: int64(), unit: string() }),
  string: object({ accessMode, defaultValue: string() }),
} as const;

/** `propertyVisitors[].<name>`, by protocol. They sit in the model in this version. */
export const visitorsV1alpha1 = {
  opcua: object({ nodeID: required(string()), browseName: string() }),
  modbus: object({
    register: required(oneOf(...REGISTERS)),
    offset: required(int64()),
    limit: required(int64()),
    scale: number('double'),
    isSwap: boolean(),
    isRegisterSwap: boolean(),
  }),
  bluetooth: object({
    characteristicUUID: required(string()),
    dataWrite: map(string()),
    dataConverter: object({
      startIndex: required(int64()),
      endIndex: required(int64()),
      shiftLeft: int64(),
      shiftRight: int64(),
      orderOfOperations: list(
        object({
          operationType: oneOf('Add', 'Subtract', 'Multiply', 'Divide'),
          operationValue: number('double'),
        }),
      ),
    }),
  }),
} as const;

/** spec/crds.md §2.2. */
export const deviceModelSpecV1alpha1 = object({
  properties: list(
    object({
      name: required(string()),
      description: string(),
      type: required(object(propertyTypesV1alpha1)),
    }),
  ),
  propertyVisitors: list(object({ propertyName: required(string()), ...visitorsV1alpha1 })),
});

export type DeviceSpecV1alpha1 = TypeOf<typeof deviceSpecV1alpha1>;
export type DeviceModelSpecV1alpha1 = TypeOf<typeof deviceModelSpecV1alpha1>;
