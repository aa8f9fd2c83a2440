// Generated from fields/pod-resources.md by scripts/generators/kubelet-plugins.ts; do not edit.
import type { FieldTable, MethodTable } from '@kubeedge-ts/grpc';

export interface AllocatableResourcesRequest {
}

export interface AllocatableResourcesResponse {
  devices: ContainerDevices[];
  cpuIds: number[];
  memory: ContainerMemory[];
}

export interface ListPodResourcesRequest {
}

export interface ListPodResourcesResponse {
  podResources: PodResources[];
}

export interface PodResources {
  name: string;
  namespace: string;
  containers: ContainerResources[];
}

export interface ContainerResources {
  name: string;
  devices: ContainerDevices[];
  cpuIds: number[];
  memory: ContainerMemory[];
  dynamicResources: DynamicResource[];
}

export interface ContainerMemory {
  memoryType: string;
  size: number;
  topology?: TopologyInfo;
}

export interface ContainerDevices {
  resourceName: string;
  deviceIds: string[];
  topology?: TopologyInfo;
}

export interface TopologyInfo {
  nodes: NUMANode[];
}

export interface NUMANode {
  ID: number;
}

export interface DynamicResource {
  claimName: string;
  claimNamespace: string;
  claimResources: ClaimResource[];
}

export interface ClaimResource {
  cdiDevices: CDIDevice[];
  driverName: string;
  poolName: string;
  deviceName: string;
}

export interface CDIDevice {
  name: string;
}

export interface GetPodResourcesRequest {
  podName: string;
  podNamespace: string;
}

export interface GetPodResourcesResponse {
  podResources?: PodResources;
}

/** Per message: field number, name, type, and whether it is repeated. */
export const TABLES: Record<string, FieldTable> = {
  AllocatableResourcesRequest: [],
  AllocatableResourcesResponse: [[1, 'devices', 'ContainerDevices', true], [2, 'cpuIds', 'int64', true], [3, 'memory', 'ContainerMemory', true]],
  ListPodResourcesRequest: [],
  ListPodResourcesResponse: [[1, 'podResources', 'PodResources', true]],
  PodResources: [[1, 'name', 'string'], [2, 'namespace', 'string'], [3, 'containers', 'ContainerResources', true]],
  ContainerResources: [[1, 'name', 'string'], [2, 'devices', 'ContainerDevices', true], [3, 'cpuIds', 'int64', true], [4, 'memory', 'ContainerMemory', true], [5, 'dynamicResources', 'DynamicResource', true]],
  ContainerMemory: [[1, 'memoryType', 'string'], [2, 'size', 'uint64'], [3, 'topology', 'TopologyInfo']],
  ContainerDevices: [[1, 'resourceName', 'string'], [2, 'deviceIds', 'string', true], [3, 'topology', 'TopologyInfo']],
  TopologyInfo: [[1, 'nodes', 'NUMANode', true]],
  NUMANode: [[1, 'ID', 'int64']],
  DynamicResource: [[2, 'claimName', 'string'], [3, 'claimNamespace', 'string'], [4, 'claimResources', 'ClaimResource', true]],
  ClaimResource: [[1, 'cdiDevices', 'CDIDevice', true], [2, 'driverName', 'string'], [3, 'poolName', 'string'], [4, 'deviceName', 'string']],
  CDIDevice: [[1, 'name', 'string']],
  GetPodResourcesRequest: [[1, 'podName', 'string'], [2, 'podNamespace', 'string']],
  GetPodResourcesResponse: [[1, 'podResources', 'PodResources']],
};

export interface PodResourcesListerMethods {
  List: { request: ListPodResourcesRequest; response: ListPodResourcesResponse };
  GetAllocatableResources: { request: AllocatableResourcesRequest; response: AllocatableResourcesResponse };
  Get: { request: GetPodResourcesRequest; response: GetPodResourcesResponse };
}

export const POD_RESOURCES_LISTER_METHODS: MethodTable<PodResourcesListerMethods> = {
  List: ['v1.PodResourcesLister', 'ListPodResourcesRequest', 'ListPodResourcesResponse'],
  GetAllocatableResources: ['v1.PodResourcesLister', 'AllocatableResourcesRequest', 'AllocatableResourcesResponse'],
  Get: ['v1.PodResourcesLister', 'GetPodResourcesRequest', 'GetPodResourcesResponse'],
};
