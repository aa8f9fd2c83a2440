import type { MsgTwin, TwinVersion } from '@kubeedge-ts/apis';

/** The type word of a deleted twin; its row stays so that versions go on (spec/mqtt-and-devicetwin.md §6.3c). */
export const DELETED = 'deleted';

/** One side of a twin; `timestamp` is when the edge took the value, ms. */
export interface Side {
  readonly value: string;
  readonly timestamp: number;
}

/** One property of a device as the edge knows it. */
export interface Twin {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly expected?: Side | undefined;
  readonly actual?: Side | undefined;
  readonly expectedVersion?: TwinVersion | undefined;
  readonly actualVersion?: TwinVersion | undefined;
  /**
   * The desired value in the Device object when it was last looked at, "" for none; undefined: the property never was
   * in a Device object. Only a change of it touches `expected`, so that a local change survives a resend.
   */
  readonly declared?: string | undefined;
}

export interface Attribute {
  readonly value: string;
  readonly optional: boolean;
  readonly type: string;
}

/** A device of this node. The maps are changed in place, always together with the row that stores them. */
export interface Device {
  /** `namespace/name`, or `name` under a 1.9 cloud. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  state: string;
  /** RFC 3339, "" when not online. */
  lastOnline: string;
  readonly attributes: Map<string, Attribute>;
  readonly twins: Map<string, Twin>;
  /** A client has used the one-level topics of KubeEdge 1.9 for this device since start. */
  oneLevelSeen: boolean;
}

/** What a request asks of one side. */
export interface TwinRequest {
  readonly expected?: string | undefined;
  readonly actual?: string | undefined;
  readonly optional?: boolean | undefined;
  /** `metadata.type`; "" when metadata is there without a type, undefined without metadata. */
  readonly type?: string | undefined;
  readonly expectedVersion?: TwinVersion | undefined;
  readonly actualVersion?: TwinVersion | undefined;
}

/** Twins asked for, by name, in the order of the request; null asks for deletion. */
export type TwinRequests = readonly (readonly [name: string, request: TwinRequest | null])[];

/** What became of one twin. */
export interface TwinChange {
  readonly after: Twin;
  /** The row must be written; false when only a value the edge rejected is reported. */
  readonly store: boolean;
  /** Clients are told; false when nothing changed that they can see. */
  readonly tell: boolean;
  /** Entry of `update/result`: the changed sides; null for a deletion. */
  readonly result: MsgTwin | null;
  /** Entries of `update/document`; null: did not exist, or exists no more. */
  readonly last: MsgTwin | null;
  readonly current: MsgTwin | null;
  /** What the cloud must hear, if anything. */
  readonly report?: { readonly expected?: boolean; readonly actual?: boolean; readonly deleted?: boolean };
}
