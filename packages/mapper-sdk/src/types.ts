import type { TlsFiles } from '@kubeedge-ts/mqtt';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';

/** Talks to one device. Calls for a device come one at a time. */
export interface DeviceDriver {
  /** The property's present value as text. Rejects when the device cannot be reached. */
  read(property: string, signal: AbortSignal): Promise<string>;
  /** Sets the property; the value is read back afterwards. Rejects when the device does not take it. */
  write(property: string, value: string, signal: AbortSignal): Promise<void>;
}

export interface MapperProperty {
  readonly name: string;
  /** Type of the value in the words of a twin; default `string`. */
  readonly type?: 'string' | 'int' | 'float' | 'double' | 'boolean' | 'bytes';
  /** Desired values are written; default false. */
  readonly writable?: boolean;
}

export interface MapperDevice {
  /** `namespace/name` of the Device, or its name alone when that is unique on the node. */
  readonly device: string;
  readonly properties: readonly MapperProperty[];
  readonly driver: DeviceDriver;
  /** Time between reports, ms; default 1000. */
  readonly reportMs?: number;
  /** Longest time a driver call may take, ms; default 5000. */
  readonly timeoutMs?: number;
}

export interface MapperOptions {
  /** `tcp://host:port` or `ssl://host:port`. */
  readonly broker: string;
  /** MQTT client id; default `mapper-` and a random part. */
  readonly clientId?: string;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsFiles;
  /** Name of the node, needed when several nodes share a broker; without it any edgecore is listened to. */
  readonly nodeName?: string;
  readonly devices: readonly MapperDevice[];
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface Mapper {
  /** Begins; never fails because the broker or edgecore is away. */
  start(): void;
  /** Reports the devices as offline and disconnects. */
  stop(): Promise<void>;
  /** Ids of the devices of this mapper that are on the node now. */
  readonly active: readonly string[];
}
