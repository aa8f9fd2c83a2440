import type { KubeObject, Resource } from '../kubernetes/meta.ts';
import {
  anyObject,
  boolean,
  integer,
  list,
  map,
  object,
  oneOf,
  open,
  required,
  string,
  type TypeOf,
} from '../schema/structural.ts';

export const DEVICES_GROUP = 'devices.kubeedge.io';

/** `value` is text whatever the property's type; metadata keys in use: `timestamp` (decimal ms) and `type`. */
export const twinProperty = object({ value: required(string()), metadata: map(string()) });

const protocolConfig = object({ protocolName: string(), configData: anyObject() });

const pushMethod = object({
  http: object({
    hostName: string(),
    port: integer('int64'),
    requestPath: string(),
    timeout: integer('int64'),
  }),
  mqtt: object({ address: string(), topic: string(), qos: integer('int32'), retained: boolean() }),
  otel: object({ endpointURL: string() }),
  dbMethod: object({
    influxdb2: object({
      influxdb2ClientConfig: object({ url: string(), org: string(), bucket: string() }),
      influxdb2DataConfig: object({ measurement: string(), tag: map(string()), fieldKey: string() }),
    }),
    redis: object({
      redisClientConfig: object({
        addr: string(),
        db: integer(),
        poolsize: integer(),
        minIdleConns: integer(),
      }),
    }),
    TDEngine: object({ TDEngineClientConfig: object({ addr: string(), dbName: string() }) }),
    mysql: object({ mysqlClientConfig: object({ addr: string(), database: string(), userName: string() }) }),
  }),
  anomalyDetection: anyObject(),
});

const deviceProperty = object({
  name: string(),
  desired: twinProperty,
  visitors: protocolConfig,
  /** Milliseconds. */
  collectCycle: integer('int64'),
  /** Milliseconds. */
  reportCycle: integer('int64'),
  reportToCloud: boolean(),
  pushMethod,
});

/** spec/crds.md §4.1. */
export const deviceSpec = object({
  deviceModelRef: object({ name: string({ default: '' }) }),
  /** Empty or absent: bound to no node. */
  nodeName: string(),
  protocol: protocolConfig,
  properties: list(deviceProperty),
  methods: list(object({ name: string(), description: string(), propertyNames: list(string()) })),
  stateReport: object({ reportToCloud: boolean(), reportCycle: integer('int64') }),
});

/** A holder of older releases' fields; twins live in DeviceStatus. */
export const deviceStatusField = open(object({ reportToCloud: boolean(), reportCycle: integer('int64') }));

/** spec/crds.md §4.2. */
export const deviceModelSpec = object({
  protocol: string(),
  /** Defaults under the instance's `protocol.configData`. */
  protocolConfigData: anyObject(),
  properties: list(
    object({
      name: string(),
      description: string(),
      type: oneOf('INT', 'FLOAT', 'DOUBLE', 'STRING', 'BOOLEAN', 'BYTES', 'STREAM'),
      accessMode: oneOf('ReadWrite', 'ReadOnly'),
      minimum: string(),
      maximum: string(),
      unit: string(),
      /** Defaults under the instance's visitors. */
      visitors: protocolConfig,
    }),
  ),
});

/** spec/crds.md §4.3. */
export const deviceStatusSpec = open(object({}));
export const deviceStatusStatus = object({
  twins: list(object({ propertyName: string(), observedDesired: twinProperty, reported: twinProperty })),
  state: string(),
  /** RFC 3339, UTC. */
  lastOnlineTime: string(),
  extensions: anyObject(),
});

export type TwinProperty = TypeOf<typeof twinProperty>;
export type ProtocolConfig = TypeOf<typeof protocolConfig>;
export type DeviceProperty = TypeOf<typeof deviceProperty>;
export type DeviceSpec = TypeOf<typeof deviceSpec>;
export type DeviceModelSpec = TypeOf<typeof deviceModelSpec>;
export type DeviceStatusStatus = TypeOf<typeof deviceStatusStatus>;
/** One property of a DeviceStatus. */
export type ReportedTwin = NonNullable<DeviceStatusStatus['twins']>[number];

export interface Device extends KubeObject {
  spec?: DeviceSpec;
  status?: TypeOf<typeof deviceStatusField>;
}
export interface DeviceModel extends KubeObject {
  spec?: DeviceModelSpec;
}
/** Has the name and namespace of its Device, which owns it. */
export interface DeviceStatus extends KubeObject {
  spec?: Record<string, unknown>;
  status?: DeviceStatusStatus;
}

export const devices: Resource<Device> = {
  group: DEVICES_GROUP,
  version: 'v1beta1',
  plural: 'devices',
  kind: 'Device',
  namespaced: true,
};
export const deviceModels: Resource<DeviceModel> = {
  group: DEVICES_GROUP,
  version: 'v1beta1',
  plural: 'devicemodels',
  kind: 'DeviceModel',
  namespaced: true,
};
export const deviceStatuses: Resource<DeviceStatus> = {
  group: DEVICES_GROUP,
  version: 'v1beta1',
  plural: 'devicestatuses',
  kind: 'DeviceStatus',
  namespaced: true,
};
