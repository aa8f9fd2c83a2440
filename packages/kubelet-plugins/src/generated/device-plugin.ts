// Generated from fields/device-plugin.md by scripts/generators/kubelet-plugins.ts; do not edit.
import type { FieldTable, MethodTable } from '@kubeedge-ts/grpc';

export interface DevicePluginOptions {
  preStartRequired: boolean;
  getPreferredAllocationAvailable: boolean;
}

export interface RegisterRequest {
  version: string;
  endpoint: string;
  resourceName: string;
  options?: DevicePluginOptions;
}

export interface Empty {
}

export interface ListAndWatchResponse {
  devices: Device[];
}

export interface TopologyInfo {
  nodes: NUMANode[];
}

export interface NUMANode {
  ID: number;
}

export interface Device {
  ID: string;
  health: string;
  topology?: TopologyInfo;
}

export interface PreStartContainerRequest {
  devicesIds: string[];
}

export interface PreStartContainerResponse {
}

export interface PreferredAllocationRequest {
  containerRequests: ContainerPreferredAllocationRequest[];
}

export interface ContainerPreferredAllocationRequest {
  availableDeviceIDs: string[];
  mustIncludeDeviceIDs: string[];
  allocationSize: number;
}

export interface PreferredAllocationResponse {
  containerResponses: ContainerPreferredAllocationResponse[];
}

export interface ContainerPreferredAllocationResponse {
  deviceIDs: string[];
}

export interface AllocateRequest {
  containerRequests: ContainerAllocateRequest[];
}

export interface ContainerAllocateRequest {
  devicesIds: string[];
}

export interface CDIDevice {
  name: string;
}

export interface AllocateResponse {
  containerResponses: ContainerAllocateResponse[];
}

export interface ContainerAllocateResponse {
  envs: Record<string, string>;
  mounts: Mount[];
  devices: DeviceSpec[];
  annotations: Record<string, string>;
  cdiDevices: CDIDevice[];
}

export interface Mount {
  containerPath: string;
  hostPath: string;
  readOnly: boolean;
}

export interface DeviceSpec {
  containerPath: string;
  hostPath: string;
  permissions: string;
}

/** Per message: field number, name, type, and whether it is repeated. */
export const TABLES: Record<string, FieldTable> = {
  DevicePluginOptions: [[1, 'preStartRequired', 'bool'], [2, 'getPreferredAllocationAvailable', 'bool']],
  RegisterRequest: [[1, 'version', 'string'], [2, 'endpoint', 'string'], [3, 'resourceName', 'string'], [4, 'options', 'DevicePluginOptions']],
  Empty: [],
  ListAndWatchResponse: [[1, 'devices', 'Device', true]],
  TopologyInfo: [[1, 'nodes', 'NUMANode', true]],
  NUMANode: [[1, 'ID', 'int64']],
  Device: [[1, 'ID', 'string'], [2, 'health', 'string'], [3, 'topology', 'TopologyInfo']],
  PreStartContainerRequest: [[1, 'devicesIds', 'string', true]],
  PreStartContainerResponse: [],
  PreferredAllocationRequest: [[1, 'containerRequests', 'ContainerPreferredAllocationRequest', true]],
  ContainerPreferredAllocationRequest: [[1, 'availableDeviceIDs', 'string', true], [2, 'mustIncludeDeviceIDs', 'string', true], [3, 'allocationSize', 'int32']],
  PreferredAllocationResponse: [[1, 'containerResponses', 'ContainerPreferredAllocationResponse', true]],
  ContainerPreferredAllocationResponse: [[1, 'deviceIDs', 'string', true]],
  AllocateRequest: [[1, 'containerRequests', 'ContainerAllocateRequest', true]],
  ContainerAllocateRequest: [[1, 'devicesIds', 'string', true]],
  CDIDevice: [[1, 'name', 'string']],
  AllocateResponse: [[1, 'containerResponses', 'ContainerAllocateResponse', true]],
  ContainerAllocateResponse: [[1, 'envs', 'map'], [2, 'mounts', 'Mount', true], [3, 'devices', 'DeviceSpec', true], [4, 'annotations', 'map'], [5, 'cdiDevices', 'CDIDevice', true]],
  Mount: [[1, 'containerPath', 'string'], [2, 'hostPath', 'string'], [3, 'readOnly', 'bool']],
  DeviceSpec: [[1, 'containerPath', 'string'], [2, 'hostPath', 'string'], [3, 'permissions', 'string']],
};

export interface RegistrationMethods {
  Register: { request: RegisterRequest; response: Empty };
}

export const REGISTRATION_METHODS: MethodTable<RegistrationMethods> = {
  Register: ['v1beta1.Registration', 'RegisterRequest', 'Empty'],
};

export interface DevicePluginMethods {
  GetDevicePluginOptions: { request: Empty; response: DevicePluginOptions };
  ListAndWatch: { request: Empty; response: ListAndWatchResponse; stream: true };
  GetPreferredAllocation: { request: PreferredAllocationRequest; response: PreferredAllocationResponse };
  Allocate: { request: AllocateRequest; response: AllocateResponse };
  PreStartContainer: { request: PreStartContainerRequest; response: PreStartContainerResponse };
}

export const DEVICE_PLUGIN_METHODS: MethodTable<DevicePluginMethods> = {
  GetDevicePluginOptions: ['v1beta1.DevicePlugin', 'Empty', 'DevicePluginOptions'],
  ListAndWatch: ['v1beta1.DevicePlugin', 'Empty', 'ListAndWatchResponse', 'stream'],
  GetPreferredAllocation: ['v1beta1.DevicePlugin', 'PreferredAllocationRequest', 'PreferredAllocationResponse'],
  Allocate: ['v1beta1.DevicePlugin', 'AllocateRequest', 'AllocateResponse'],
  PreStartContainer: ['v1beta1.DevicePlugin', 'PreStartContainerRequest', 'PreStartContainerResponse'],
};
