// Generated from fields/csi.md by scripts/generators/kubelet-plugins.ts; do not edit.
import type { FieldTable, MethodTable } from '@kubeedge-ts/grpc';

export const PluginCapabilityServiceType = {
  UNKNOWN: 0,
  CONTROLLER_SERVICE: 1,
  VOLUME_ACCESSIBILITY_CONSTRAINTS: 2,
  GROUP_CONTROLLER_SERVICE: 3,
} as const;
export type PluginCapabilityServiceType = number;

export const PluginCapabilityVolumeExpansionType = {
  UNKNOWN: 0,
  ONLINE: 1,
  OFFLINE: 2,
} as const;
export type PluginCapabilityVolumeExpansionType = number;

export const VolumeCapabilityAccessModeMode = {
  UNKNOWN: 0,
  SINGLE_NODE_WRITER: 1,
  SINGLE_NODE_READER_ONLY: 2,
  MULTI_NODE_READER_ONLY: 3,
  MULTI_NODE_SINGLE_WRITER: 4,
  MULTI_NODE_MULTI_WRITER: 5,
  SINGLE_NODE_SINGLE_WRITER: 6,
  SINGLE_NODE_MULTI_WRITER: 7,
} as const;
export type VolumeCapabilityAccessModeMode = number;

export const VolumeUsageUnit = {
  UNKNOWN: 0,
  BYTES: 1,
  INODES: 2,
} as const;
export type VolumeUsageUnit = number;

export const NodeServiceCapabilityRPCType = {
  UNKNOWN: 0,
  STAGE_UNSTAGE_VOLUME: 1,
  GET_VOLUME_STATS: 2,
  EXPAND_VOLUME: 3,
  VOLUME_CONDITION: 4,
  SINGLE_NODE_MULTI_WRITER: 5,
  VOLUME_MOUNT_GROUP: 6,
} as const;
export type NodeServiceCapabilityRPCType = number;

export interface GetPluginInfoRequest {
}

export interface GetPluginInfoResponse {
  name: string;
  vendorVersion: string;
  manifest: Record<string, string>;
}

export interface GetPluginCapabilitiesRequest {
}

export interface GetPluginCapabilitiesResponse {
  capabilities: PluginCapability[];
}

export interface PluginCapability {
  service?: PluginCapabilityService;
  volumeExpansion?: PluginCapabilityVolumeExpansion;
}

export interface PluginCapabilityService {
  type: PluginCapabilityServiceType;
}

export interface PluginCapabilityVolumeExpansion {
  type: PluginCapabilityVolumeExpansionType;
}

export interface ProbeRequest {
}

export interface ProbeResponse {
  ready?: BoolValue;
}

export interface VolumeCapability {
  block?: VolumeCapabilityBlockVolume;
  mount?: VolumeCapabilityMountVolume;
  accessMode?: VolumeCapabilityAccessMode;
}

export interface VolumeCapabilityBlockVolume {
}

export interface VolumeCapabilityMountVolume {
  fsType: string;
  mountFlags: string[];
  volumeMountGroup: string;
}

export interface VolumeCapabilityAccessMode {
  mode: VolumeCapabilityAccessModeMode;
}

export interface CapacityRange {
  requiredBytes: number;
  limitBytes: number;
}

export interface Topology {
  segments: Record<string, string>;
}

export interface NodeStageVolumeRequest {
  volumeId: string;
  publishContext: Record<string, string>;
  stagingTargetPath: string;
  volumeCapability?: VolumeCapability;
  secrets: Record<string, string>;
  volumeContext: Record<string, string>;
}

export interface NodeStageVolumeResponse {
}

export interface NodeUnstageVolumeRequest {
  volumeId: string;
  stagingTargetPath: string;
}

export interface NodeUnstageVolumeResponse {
}

export interface NodePublishVolumeRequest {
  volumeId: string;
  publishContext: Record<string, string>;
  stagingTargetPath: string;
  targetPath: string;
  volumeCapability?: VolumeCapability;
  readonly: boolean;
  secrets: Record<string, string>;
  volumeContext: Record<string, string>;
}

export interface NodePublishVolumeResponse {
}

export interface NodeUnpublishVolumeRequest {
  volumeId: string;
  targetPath: string;
}

export interface NodeUnpublishVolumeResponse {
}

export interface NodeGetVolumeStatsRequest {
  volumeId: string;
  volumePath: string;
  stagingTargetPath: string;
}

export interface NodeGetVolumeStatsResponse {
  usage: VolumeUsage[];
  volumeCondition?: VolumeCondition;
}

export interface VolumeUsage {
  available: number;
  total: number;
  used: number;
  unit: VolumeUsageUnit;
}

export interface VolumeCondition {
  abnormal: boolean;
  message: string;
}

export interface NodeGetCapabilitiesRequest {
}

export interface NodeGetCapabilitiesResponse {
  capabilities: NodeServiceCapability[];
}

export interface NodeServiceCapability {
  rpc?: NodeServiceCapabilityRPC;
}

export interface NodeServiceCapabilityRPC {
  type: NodeServiceCapabilityRPCType;
}

export interface NodeGetInfoRequest {
}

export interface NodeGetInfoResponse {
  nodeId: string;
  maxVolumesPerNode: number;
  accessibleTopology?: Topology;
}

export interface NodeExpandVolumeRequest {
  volumeId: string;
  volumePath: string;
  capacityRange?: CapacityRange;
  stagingTargetPath: string;
  volumeCapability?: VolumeCapability;
  secrets: Record<string, string>;
}

export interface NodeExpandVolumeResponse {
  capacityBytes: number;
}

export interface BoolValue {
  value: boolean;
}

/** Per message: field number, name, type, and whether it is repeated. */
export const TABLES: Record<string, FieldTable> = {
  GetPluginInfoRequest: [],
  GetPluginInfoResponse: [[1, 'name', 'string'], [2, 'vendorVersion', 'string'], [3, 'manifest', 'map']],
  GetPluginCapabilitiesRequest: [],
  GetPluginCapabilitiesResponse: [[1, 'capabilities', 'PluginCapability', true]],
  PluginCapability: [[1, 'service', 'PluginCapabilityService'], [2, 'volumeExpansion', 'PluginCapabilityVolumeExpansion']],
  PluginCapabilityService: [[1, 'type', 'int32']],
  PluginCapabilityVolumeExpansion: [[1, 'type', 'int32']],
  ProbeRequest: [],
  ProbeResponse: [[1, 'ready', 'BoolValue']],
  VolumeCapability: [[1, 'block', 'VolumeCapabilityBlockVolume'], [2, 'mount', 'VolumeCapabilityMountVolume'], [3, 'accessMode', 'VolumeCapabilityAccessMode']],
  VolumeCapabilityBlockVolume: [],
  VolumeCapabilityMountVolume: [[1, 'fsType', 'string'], [2, 'mountFlags', 'string', true], [3, 'volumeMountGroup', 'string']],
  VolumeCapabilityAccessMode: [[1, 'mode', 'int32']],
  CapacityRange: [[1, 'requiredBytes', 'int64'], [2, 'limitBytes', 'int64']],
  Topology: [[1, 'segments', 'map']],
  NodeStageVolumeRequest: [[1, 'volumeId', 'string'], [2, 'publishContext', 'map'], [3, 'stagingTargetPath', 'string'], [4, 'volumeCapability', 'VolumeCapability'], [5, 'secrets', 'map'], [6, 'volumeContext', 'map']],
  NodeStageVolumeResponse: [],
  NodeUnstageVolumeRequest: [[1, 'volumeId', 'string'], [2, 'stagingTargetPath', 'string']],
  NodeUnstageVolumeResponse: [],
  NodePublishVolumeRequest: [[1, 'volumeId', 'string'], [2, 'publishContext', 'map'], [3, 'stagingTargetPath', 'string'], [4, 'targetPath', 'string'], [5, 'volumeCapability', 'VolumeCapability'], [6, 'readonly', 'bool'], [7, 'secrets', 'map'], [8, 'volumeContext', 'map']],
  NodePublishVolumeResponse: [],
  NodeUnpublishVolumeRequest: [[1, 'volumeId', 'string'], [2, 'targetPath', 'string']],
  NodeUnpublishVolumeResponse: [],
  NodeGetVolumeStatsRequest: [[1, 'volumeId', 'string'], [2, 'volumePath', 'string'], [3, 'stagingTargetPath', 'string']],
  NodeGetVolumeStatsResponse: [[1, 'usage', 'VolumeUsage', true], [2, 'volumeCondition', 'VolumeCondition']],
  VolumeUsage: [[1, 'available', 'int64'], [2, 'total', 'int64'], [3, 'used', 'int64'], [4, 'unit', 'int32']],
  VolumeCondition: [[1, 'abnormal', 'bool'], [2, 'message', 'string']],
  NodeGetCapabilitiesRequest: [],
  NodeGetCapabilitiesResponse: [[1, 'capabilities', 'NodeServiceCapability', true]],
  NodeServiceCapability: [[1, 'rpc', 'NodeServiceCapabilityRPC']],
  NodeServiceCapabilityRPC: [[1, 'type', 'int32']],
  NodeGetInfoRequest: [],
  NodeGetInfoResponse: [[1, 'nodeId', 'string'], [2, 'maxVolumesPerNode', 'int64'], [3, 'accessibleTopology', 'Topology']],
  NodeExpandVolumeRequest: [[1, 'volumeId', 'string'], [2, 'volumePath', 'string'], [3, 'capacityRange', 'CapacityRange'], [4, 'stagingTargetPath', 'string'], [5, 'volumeCapability', 'VolumeCapability'], [6, 'secrets', 'map']],
  NodeExpandVolumeResponse: [[1, 'capacityBytes', 'int64']],
  BoolValue: [[1, 'value', 'bool']],
};

export interface IdentityMethods {
  GetPluginInfo: { request: GetPluginInfoRequest; response: GetPluginInfoResponse };
  GetPluginCapabilities: { request: GetPluginCapabilitiesRequest; response: GetPluginCapabilitiesResponse };
  Probe: { request: ProbeRequest; response: ProbeResponse };
}

export const IDENTITY_METHODS: MethodTable<IdentityMethods> = {
  GetPluginInfo: ['csi.v1.Identity', 'GetPluginInfoRequest', 'GetPluginInfoResponse'],
  GetPluginCapabilities: ['csi.v1.Identity', 'GetPluginCapabilitiesRequest', 'GetPluginCapabilitiesResponse'],
  Probe: ['csi.v1.Identity', 'ProbeRequest', 'ProbeResponse'],
};

export interface NodeMethods {
  NodeStageVolume: { request: NodeStageVolumeRequest; response: NodeStageVolumeResponse };
  NodeUnstageVolume: { request: NodeUnstageVolumeRequest; response: NodeUnstageVolumeResponse };
  NodePublishVolume: { request: NodePublishVolumeRequest; response: NodePublishVolumeResponse };
  NodeUnpublishVolume: { request: NodeUnpublishVolumeRequest; response: NodeUnpublishVolumeResponse };
  NodeGetVolumeStats: { request: NodeGetVolumeStatsRequest; response: NodeGetVolumeStatsResponse };
  NodeExpandVolume: { request: NodeExpandVolumeRequest; response: NodeExpandVolumeResponse };
  NodeGetCapabilities: { request: NodeGetCapabilitiesRequest; response: NodeGetCapabilitiesResponse };
  NodeGetInfo: { request: NodeGetInfoRequest; response: NodeGetInfoResponse };
}

export const NODE_METHODS: MethodTable<NodeMethods> = {
  NodeStageVolume: ['csi.v1.Node', 'NodeStageVolumeRequest', 'NodeStageVolumeResponse'],
  NodeUnstageVolume: ['csi.v1.Node', 'NodeUnstageVolumeRequest', 'NodeUnstageVolumeResponse'],
  NodePublishVolume: ['csi.v1.Node', 'NodePublishVolumeRequest', 'NodePublishVolumeResponse'],
  NodeUnpublishVolume: ['csi.v1.Node', 'NodeUnpublishVolumeRequest', 'NodeUnpublishVolumeResponse'],
  NodeGetVolumeStats: ['csi.v1.Node', 'NodeGetVolumeStatsRequest', 'NodeGetVolumeStatsResponse'],
  NodeExpandVolume: ['csi.v1.Node', 'NodeExpandVolumeRequest', 'NodeExpandVolumeResponse'],
  NodeGetCapabilities: ['csi.v1.Node', 'NodeGetCapabilitiesRequest', 'NodeGetCapabilitiesResponse'],
  NodeGetInfo: ['csi.v1.Node', 'NodeGetInfoRequest', 'NodeGetInfoResponse'],
};
