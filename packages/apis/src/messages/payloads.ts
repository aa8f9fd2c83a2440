import type { Status } from '../kubernetes/meta.ts';

/** `{"ErrStatus": Status}`: how Go's API error appears on the wire (spec/message-protocol.md §1.1). */
export interface ErrStatus {
  readonly ErrStatus: Status;
}

/** Answer to create, patch and lease requests of the edge (spec/message-protocol.md §3.2). */
export interface ObjectResponse<T = unknown> {
  readonly Object: T | null;
  readonly Err: ErrStatus | null;
}

/** Upstream 1.9's pod status report; also accepted from newer edges. */
export interface PodStatusRequest {
  readonly UID: string;
  readonly Name: string;
  readonly Status: Record<string, unknown>;
}

/** Upstream 1.9's node status report. */
export interface NodeStatusRequest {
  readonly UID: string;
  readonly Status: Record<string, unknown>;
  readonly ExtendResources: Record<string, unknown> | null;
}

/** One side (expected or actual) of a twin. Values are strings whatever the type. */
export interface TwinValue {
  readonly value?: string;
  readonly metadata?: { readonly timestamp?: number };
}

export interface TwinVersion {
  readonly cloud: number;
  readonly edge: number;
}

/** spec/mqtt-and-devicetwin.md §3. */
export interface MsgTwin {
  readonly expected?: TwinValue;
  readonly actual?: TwinValue;
  readonly optional?: boolean;
  readonly metadata?: { readonly type?: string };
  readonly expected_version?: TwinVersion;
  readonly actual_version?: TwinVersion;
}

export interface MsgAttr {
  readonly value: string;
  readonly optional?: boolean;
  readonly metadata?: { readonly type?: string };
}

/** Content of `device/{id}/twin/edge_updated` and `…/cloud_updated`. */
export interface DeviceTwinUpdate {
  readonly event_id: string;
  readonly timestamp: number;
  readonly twin: Readonly<Record<string, MsgTwin | null>>;
}

export interface MembershipDevice {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly state?: string;
  readonly last_online?: string;
  readonly attributes?: Readonly<Record<string, MsgAttr | null>>;
  readonly twin?: Readonly<Record<string, MsgTwin | null>>;
}

/** Content of `membership` from the cloud. */
export interface MembershipUpdate {
  readonly event_id: string;
  readonly timestamp: number;
  readonly added_devices: readonly MembershipDevice[] | null;
  readonly removed_devices: readonly MembershipDevice[] | null;
}

/** Content (as a JSON **string**) of `device/{id}/state/update`. */
export interface DeviceStateUpdate {
  readonly event_id: string;
  readonly timestamp: number;
  readonly device: { readonly name?: string; readonly state?: string; readonly lastOnlineTime?: string };
}
