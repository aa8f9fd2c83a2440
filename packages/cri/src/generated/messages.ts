// Generated from fields.md by scripts/generators/cri.ts; do not edit.
import type { FieldTable, MethodTable } from '@kubeedge-ts/grpc';

export const Protocol = {
  TCP: 0,
  UDP: 1,
  SCTP: 2,
} as const;
export type Protocol = number;

export const MountPropagation = {
  PROPAGATION_PRIVATE: 0,
  PROPAGATION_HOST_TO_CONTAINER: 1,
  PROPAGATION_BIDIRECTIONAL: 2,
} as const;
export type MountPropagation = number;

export const NamespaceMode = {
  POD: 0,
  CONTAINER: 1,
  NODE: 2,
  TARGET: 3,
} as const;
export type NamespaceMode = number;

export const SupplementalGroupsPolicy = {
  Merge: 0,
  Strict: 1,
} as const;
export type SupplementalGroupsPolicy = number;

export const SecurityProfileProfileType = {
  RuntimeDefault: 0,
  Unconfined: 1,
  Localhost: 2,
} as const;
export type SecurityProfileProfileType = number;

export const PodSandboxState = {
  SANDBOX_READY: 0,
  SANDBOX_NOTREADY: 1,
} as const;
export type PodSandboxState = number;

export const ContainerState = {
  CONTAINER_CREATED: 0,
  CONTAINER_RUNNING: 1,
  CONTAINER_EXITED: 2,
  CONTAINER_UNKNOWN: 3,
} as const;
export type ContainerState = number;

export const ContainerEventType = {
  CONTAINER_CREATED_EVENT: 0,
  CONTAINER_STARTED_EVENT: 1,
  CONTAINER_STOPPED_EVENT: 2,
  CONTAINER_DELETED_EVENT: 3,
} as const;
export type ContainerEventType = number;

export const MetricType = {
  COUNTER: 0,
  GAUGE: 1,
} as const;
export type MetricType = number;

export const CgroupDriver = {
  SYSTEMD: 0,
  CGROUPFS: 1,
} as const;
export type CgroupDriver = number;

export interface VersionRequest {
  version: string;
}

export interface VersionResponse {
  version: string;
  runtimeName: string;
  runtimeVersion: string;
  runtimeApiVersion: string;
}

export interface DNSConfig {
  servers: string[];
  searches: string[];
  options: string[];
}

export interface PortMapping {
  protocol: Protocol;
  containerPort: number;
  hostPort: number;
  hostIp: string;
}

export interface Mount {
  containerPath: string;
  hostPath: string;
  readonly: boolean;
  selinuxRelabel: boolean;
  propagation: MountPropagation;
  uidMappings: IDMapping[];
  gidMappings: IDMapping[];
  recursiveReadOnly: boolean;
  image?: ImageSpec;
}

export interface IDMapping {
  hostId: number;
  containerId: number;
  length: number;
}

export interface UserNamespace {
  mode: NamespaceMode;
  uids: IDMapping[];
  gids: IDMapping[];
}

export interface NamespaceOption {
  network: NamespaceMode;
  pid: NamespaceMode;
  ipc: NamespaceMode;
  targetId: string;
  usernsOptions?: UserNamespace;
}

export interface Int64Value {
  value: number;
}

export interface LinuxSandboxSecurityContext {
  namespaceOptions?: NamespaceOption;
  selinuxOptions?: SELinuxOption;
  runAsUser?: Int64Value;
  readonlyRootfs: boolean;
  supplementalGroups: number[];
  privileged: boolean;
  seccompProfilePath: string;
  runAsGroup?: Int64Value;
  seccomp?: SecurityProfile;
  apparmor?: SecurityProfile;
  supplementalGroupsPolicy: SupplementalGroupsPolicy;
}

export interface SecurityProfile {
  profileType: SecurityProfileProfileType;
  localhostRef: string;
}

export interface LinuxPodSandboxConfig {
  cgroupParent: string;
  securityContext?: LinuxSandboxSecurityContext;
  sysctls: Record<string, string>;
  overhead?: LinuxContainerResources;
  resources?: LinuxContainerResources;
}

export interface PodSandboxMetadata {
  name: string;
  uid: string;
  namespace: string;
  attempt: number;
}

export interface PodSandboxConfig {
  metadata?: PodSandboxMetadata;
  hostname: string;
  logDirectory: string;
  dnsConfig?: DNSConfig;
  portMappings: PortMapping[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  linux?: LinuxPodSandboxConfig;
}

export interface RunPodSandboxRequest {
  config?: PodSandboxConfig;
  runtimeHandler: string;
}

export interface RunPodSandboxResponse {
  podSandboxId: string;
}

export interface StopPodSandboxRequest {
  podSandboxId: string;
}

export interface StopPodSandboxResponse {
}

export interface RemovePodSandboxRequest {
  podSandboxId: string;
}

export interface RemovePodSandboxResponse {
}

export interface PodSandboxStatusRequest {
  podSandboxId: string;
  verbose: boolean;
}

export interface PodIP {
  ip: string;
}

export interface PodSandboxNetworkStatus {
  ip: string;
  additionalIps: PodIP[];
}

export interface Namespace {
  options?: NamespaceOption;
}

export interface LinuxPodSandboxStatus {
  namespaces?: Namespace;
}

export interface PodSandboxStatus {
  id: string;
  metadata?: PodSandboxMetadata;
  state: PodSandboxState;
  createdAt: number;
  network?: PodSandboxNetworkStatus;
  linux?: LinuxPodSandboxStatus;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtimeHandler: string;
}

export interface PodSandboxStatusResponse {
  status?: PodSandboxStatus;
  info: Record<string, string>;
  containersStatuses: ContainerStatus[];
  timestamp: number;
}

export interface PodSandboxStateValue {
  state: PodSandboxState;
}

export interface PodSandboxFilter {
  id: string;
  state?: PodSandboxStateValue;
  labelSelector: Record<string, string>;
}

export interface ListPodSandboxRequest {
  filter?: PodSandboxFilter;
}

export interface PodSandbox {
  id: string;
  metadata?: PodSandboxMetadata;
  state: PodSandboxState;
  createdAt: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtimeHandler: string;
}

export interface ListPodSandboxResponse {
  items: PodSandbox[];
}

export interface PodSandboxStatsRequest {
  podSandboxId: string;
}

export interface PodSandboxStatsResponse {
  stats?: PodSandboxStats;
}

export interface PodSandboxStatsFilter {
  id: string;
  labelSelector: Record<string, string>;
}

export interface ListPodSandboxStatsRequest {
  filter?: PodSandboxStatsFilter;
}

export interface ListPodSandboxStatsResponse {
  stats: PodSandboxStats[];
}

export interface PodSandboxAttributes {
  id: string;
  metadata?: PodSandboxMetadata;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface PodSandboxStats {
  attributes?: PodSandboxAttributes;
  linux?: LinuxPodSandboxStats;
}

export interface LinuxPodSandboxStats {
  cpu?: CpuUsage;
  memory?: MemoryUsage;
  network?: NetworkUsage;
  process?: ProcessUsage;
  containers: ContainerStats[];
}

export interface NetworkUsage {
  timestamp: number;
  defaultInterface?: NetworkInterfaceUsage;
  interfaces: NetworkInterfaceUsage[];
}

export interface NetworkInterfaceUsage {
  name: string;
  rxBytes?: UInt64Value;
  rxErrors?: UInt64Value;
  txBytes?: UInt64Value;
  txErrors?: UInt64Value;
}

export interface ProcessUsage {
  timestamp: number;
  processCount?: UInt64Value;
}

export interface ImageSpec {
  image: string;
  annotations: Record<string, string>;
  userSpecifiedImage: string;
  runtimeHandler: string;
}

export interface KeyValue {
  key: string;
  value: string;
}

export interface LinuxContainerResources {
  cpuPeriod: number;
  cpuQuota: number;
  cpuShares: number;
  memoryLimitInBytes: number;
  oomScoreAdj: number;
  cpusetCpus: string;
  cpusetMems: string;
  hugepageLimits: HugepageLimit[];
  unified: Record<string, string>;
  memorySwapLimitInBytes: number;
}

export interface HugepageLimit {
  pageSize: string;
  limit: number;
}

export interface SELinuxOption {
  user: string;
  role: string;
  type: string;
  level: string;
}

export interface Capability {
  addCapabilities: string[];
  dropCapabilities: string[];
  addAmbientCapabilities: string[];
}

export interface LinuxContainerSecurityContext {
  capabilities?: Capability;
  privileged: boolean;
  namespaceOptions?: NamespaceOption;
  selinuxOptions?: SELinuxOption;
  runAsUser?: Int64Value;
  runAsUsername: string;
  readonlyRootfs: boolean;
  supplementalGroups: number[];
  apparmorProfile: string;
  seccompProfilePath: string;
  noNewPrivs: boolean;
  runAsGroup?: Int64Value;
  maskedPaths: string[];
  readonlyPaths: string[];
  seccomp?: SecurityProfile;
  apparmor?: SecurityProfile;
  supplementalGroupsPolicy: SupplementalGroupsPolicy;
}

export interface LinuxContainerConfig {
  resources?: LinuxContainerResources;
  securityContext?: LinuxContainerSecurityContext;
}

export interface LinuxContainerUser {
  uid: number;
  gid: number;
  supplementalGroups: number[];
}

export interface ContainerMetadata {
  name: string;
  attempt: number;
}

export interface Device {
  containerPath: string;
  hostPath: string;
  permissions: string;
}

export interface CDIDevice {
  name: string;
}

export interface ContainerConfig {
  metadata?: ContainerMetadata;
  image?: ImageSpec;
  command: string[];
  args: string[];
  workingDir: string;
  envs: KeyValue[];
  mounts: Mount[];
  devices: Device[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  logPath: string;
  stdin: boolean;
  stdinOnce: boolean;
  tty: boolean;
  linux?: LinuxContainerConfig;
  cdiDevices: CDIDevice[];
}

export interface CreateContainerRequest {
  podSandboxId: string;
  config?: ContainerConfig;
  sandboxConfig?: PodSandboxConfig;
}

export interface CreateContainerResponse {
  containerId: string;
}

export interface StartContainerRequest {
  containerId: string;
}

export interface StartContainerResponse {
}

export interface StopContainerRequest {
  containerId: string;
  timeout: number;
}

export interface StopContainerResponse {
}

export interface RemoveContainerRequest {
  containerId: string;
}

export interface RemoveContainerResponse {
}

export interface ContainerStateValue {
  state: ContainerState;
}

export interface ContainerFilter {
  id: string;
  state?: ContainerStateValue;
  podSandboxId: string;
  labelSelector: Record<string, string>;
}

export interface ListContainersRequest {
  filter?: ContainerFilter;
}

export interface Container {
  id: string;
  podSandboxId: string;
  metadata?: ContainerMetadata;
  image?: ImageSpec;
  imageRef: string;
  state: ContainerState;
  createdAt: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  imageId: string;
}

export interface ListContainersResponse {
  containers: Container[];
}

export interface ContainerStatusRequest {
  containerId: string;
  verbose: boolean;
}

export interface ContainerStatus {
  id: string;
  metadata?: ContainerMetadata;
  state: ContainerState;
  createdAt: number;
  startedAt: number;
  finishedAt: number;
  exitCode: number;
  image?: ImageSpec;
  imageRef: string;
  reason: string;
  message: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  mounts: Mount[];
  logPath: string;
  resources?: ContainerResources;
  imageId: string;
  user?: ContainerUser;
}

export interface ContainerStatusResponse {
  status?: ContainerStatus;
  info: Record<string, string>;
}

export interface ContainerResources {
  linux?: LinuxContainerResources;
}

export interface ContainerUser {
  linux?: LinuxContainerUser;
}

export interface UpdateContainerResourcesRequest {
  containerId: string;
  linux?: LinuxContainerResources;
  annotations: Record<string, string>;
}

export interface UpdateContainerResourcesResponse {
}

export interface ExecSyncRequest {
  containerId: string;
  cmd: string[];
  timeout: number;
}

export interface ExecSyncResponse {
  stdout: Uint8Array;
  stderr: Uint8Array;
  exitCode: number;
}

export interface ExecRequest {
  containerId: string;
  cmd: string[];
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface ExecResponse {
  url: string;
}

export interface AttachRequest {
  containerId: string;
  stdin: boolean;
  tty: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface AttachResponse {
  url: string;
}

export interface PortForwardRequest {
  podSandboxId: string;
  port: number[];
}

export interface PortForwardResponse {
  url: string;
}

export interface ImageFilter {
  image?: ImageSpec;
}

export interface ListImagesRequest {
  filter?: ImageFilter;
}

export interface Image {
  id: string;
  repoTags: string[];
  repoDigests: string[];
  size: number;
  uid?: Int64Value;
  username: string;
  spec?: ImageSpec;
  pinned: boolean;
}

export interface ListImagesResponse {
  images: Image[];
}

export interface ImageStatusRequest {
  image?: ImageSpec;
  verbose: boolean;
}

export interface ImageStatusResponse {
  image?: Image;
  info: Record<string, string>;
}

export interface AuthConfig {
  username: string;
  password: string;
  auth: string;
  serverAddress: string;
  identityToken: string;
  registryToken: string;
}

export interface PullImageRequest {
  image?: ImageSpec;
  auth?: AuthConfig;
  sandboxConfig?: PodSandboxConfig;
}

export interface PullImageResponse {
  imageRef: string;
}

export interface RemoveImageRequest {
  image?: ImageSpec;
}

export interface RemoveImageResponse {
}

export interface NetworkConfig {
  podCidr: string;
}

export interface RuntimeConfig {
  networkConfig?: NetworkConfig;
}

export interface UpdateRuntimeConfigRequest {
  runtimeConfig?: RuntimeConfig;
}

export interface UpdateRuntimeConfigResponse {
}

export interface RuntimeCondition {
  type: string;
  status: boolean;
  reason: string;
  message: string;
}

export interface RuntimeStatus {
  conditions: RuntimeCondition[];
}

export interface StatusRequest {
  verbose: boolean;
}

export interface RuntimeHandlerFeatures {
  recursiveReadOnlyMounts: boolean;
  userNamespaces: boolean;
}

export interface RuntimeHandler {
  name: string;
  features?: RuntimeHandlerFeatures;
}

export interface RuntimeFeatures {
  supplementalGroupsPolicy: boolean;
}

export interface StatusResponse {
  status?: RuntimeStatus;
  info: Record<string, string>;
  runtimeHandlers: RuntimeHandler[];
  features?: RuntimeFeatures;
}

export interface ImageFsInfoRequest {
}

export interface UInt64Value {
  value: number;
}

export interface FilesystemIdentifier {
  mountpoint: string;
}

export interface FilesystemUsage {
  timestamp: number;
  fsId?: FilesystemIdentifier;
  usedBytes?: UInt64Value;
  inodesUsed?: UInt64Value;
}

export interface ImageFsInfoResponse {
  imageFilesystems: FilesystemUsage[];
  containerFilesystems: FilesystemUsage[];
}

export interface ContainerStatsRequest {
  containerId: string;
}

export interface ContainerStatsResponse {
  stats?: ContainerStats;
}

export interface ListContainerStatsRequest {
  filter?: ContainerStatsFilter;
}

export interface ContainerStatsFilter {
  id: string;
  podSandboxId: string;
  labelSelector: Record<string, string>;
}

export interface ListContainerStatsResponse {
  stats: ContainerStats[];
}

export interface ContainerAttributes {
  id: string;
  metadata?: ContainerMetadata;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface ContainerStats {
  attributes?: ContainerAttributes;
  cpu?: CpuUsage;
  memory?: MemoryUsage;
  writableLayer?: FilesystemUsage;
  swap?: SwapUsage;
}

export interface CpuUsage {
  timestamp: number;
  usageCoreNanoSeconds?: UInt64Value;
  usageNanoCores?: UInt64Value;
}

export interface MemoryUsage {
  timestamp: number;
  workingSetBytes?: UInt64Value;
  availableBytes?: UInt64Value;
  usageBytes?: UInt64Value;
  rssBytes?: UInt64Value;
  pageFaults?: UInt64Value;
  majorPageFaults?: UInt64Value;
}

export interface SwapUsage {
  timestamp: number;
  swapAvailableBytes?: UInt64Value;
  swapUsageBytes?: UInt64Value;
}

export interface ReopenContainerLogRequest {
  containerId: string;
}

export interface ReopenContainerLogResponse {
}

export interface CheckpointContainerRequest {
  containerId: string;
  location: string;
  timeout: number;
}

export interface CheckpointContainerResponse {
}

export interface GetEventsRequest {
}

export interface ContainerEventResponse {
  containerId: string;
  containerEventType: ContainerEventType;
  createdAt: number;
  podSandboxStatus?: PodSandboxStatus;
  containersStatuses: ContainerStatus[];
}

export interface ListMetricDescriptorsRequest {
}

export interface ListMetricDescriptorsResponse {
  descriptors: MetricDescriptor[];
}

export interface MetricDescriptor {
  name: string;
  help: string;
  labelKeys: string[];
}

export interface ListPodSandboxMetricsRequest {
}

export interface ListPodSandboxMetricsResponse {
  podMetrics: PodSandboxMetrics[];
}

export interface PodSandboxMetrics {
  podSandboxId: string;
  metrics: Metric[];
  containerMetrics: ContainerMetrics[];
}

export interface ContainerMetrics {
  containerId: string;
  metrics: Metric[];
}

export interface Metric {
  name: string;
  timestamp: number;
  metricType: MetricType;
  labelValues: string[];
  value?: UInt64Value;
}

export interface RuntimeConfigRequest {
}

export interface RuntimeConfigResponse {
  linux?: LinuxRuntimeConfiguration;
}

export interface LinuxRuntimeConfiguration {
  cgroupDriver: CgroupDriver;
}

/** Per message: field number, name, type, and whether it is repeated. */
export const TABLES: Record<string, FieldTable> = {
  VersionRequest: [[1, 'version', 'string']],
  VersionResponse: [[1, 'version', 'string'], [2, 'runtimeName', 'string'], [3, 'runtimeVersion', 'string'], [4, 'runtimeApiVersion', 'string']],
  DNSConfig: [[1, 'servers', 'string', true], [2, 'searches', 'string', true], [3, 'options', 'string', true]],
  PortMapping: [[1, 'protocol', 'int32'], [2, 'containerPort', 'int32'], [3, 'hostPort', 'int32'], [4, 'hostIp', 'string']],
  Mount: [[1, 'containerPath', 'string'], [2, 'hostPath', 'string'], [3, 'readonly', 'bool'], [4, 'selinuxRelabel', 'bool'], [5, 'propagation', 'int32'], [6, 'uidMappings', 'IDMapping', true], [7, 'gidMappings', 'IDMapping', true], [8, 'recursiveReadOnly', 'bool'], [9, 'image', 'ImageSpec']],
  IDMapping: [[1, 'hostId', 'uint32'], [2, 'containerId', 'uint32'], [3, 'length', 'uint32']],
  UserNamespace: [[1, 'mode', 'int32'], [2, 'uids', 'IDMapping', true], [3, 'gids', 'IDMapping', true]],
  NamespaceOption: [[1, 'network', 'int32'], [2, 'pid', 'int32'], [3, 'ipc', 'int32'], [4, 'targetId', 'string'], [5, 'usernsOptions', 'UserNamespace']],
  Int64Value: [[1, 'value', 'int64']],
  LinuxSandboxSecurityContext: [[1, 'namespaceOptions', 'NamespaceOption'], [2, 'selinuxOptions', 'SELinuxOption'], [3, 'runAsUser', 'Int64Value'], [4, 'readonlyRootfs', 'bool'], [5, 'supplementalGroups', 'int64', true], [6, 'privileged', 'bool'], [7, 'seccompProfilePath', 'string'], [8, 'runAsGroup', 'Int64Value'], [9, 'seccomp', 'SecurityProfile'], [10, 'apparmor', 'SecurityProfile'], [11, 'supplementalGroupsPolicy', 'int32']],
  SecurityProfile: [[1, 'profileType', 'int32'], [2, 'localhostRef', 'string']],
  LinuxPodSandboxConfig: [[1, 'cgroupParent', 'string'], [2, 'securityContext', 'LinuxSandboxSecurityContext'], [3, 'sysctls', 'map'], [4, 'overhead', 'LinuxContainerResources'], [5, 'resources', 'LinuxContainerResources']],
  PodSandboxMetadata: [[1, 'name', 'string'], [2, 'uid', 'string'], [3, 'namespace', 'string'], [4, 'attempt', 'uint32']],
  PodSandboxConfig: [[1, 'metadata', 'PodSandboxMetadata'], [2, 'hostname', 'string'], [3, 'logDirectory', 'string'], [4, 'dnsConfig', 'DNSConfig'], [5, 'portMappings', 'PortMapping', true], [6, 'labels', 'map'], [7, 'annotations', 'map'], [8, 'linux', 'LinuxPodSandboxConfig']],
  RunPodSandboxRequest: [[1, 'config', 'PodSandboxConfig'], [2, 'runtimeHandler', 'string']],
  RunPodSandboxResponse: [[1, 'podSandboxId', 'string']],
  StopPodSandboxRequest: [[1, 'podSandboxId', 'string']],
  StopPodSandboxResponse: [],
  RemovePodSandboxRequest: [[1, 'podSandboxId', 'string']],
  RemovePodSandboxResponse: [],
  PodSandboxStatusRequest: [[1, 'podSandboxId', 'string'], [2, 'verbose', 'bool']],
  PodIP: [[1, 'ip', 'string']],
  PodSandboxNetworkStatus: [[1, 'ip', 'string'], [2, 'additionalIps', 'PodIP', true]],
  Namespace: [[2, 'options', 'NamespaceOption']],
  LinuxPodSandboxStatus: [[1, 'namespaces', 'Namespace']],
  PodSandboxStatus: [[1, 'id', 'string'], [2, 'metadata', 'PodSandboxMetadata'], [3, 'state', 'int32'], [4, 'createdAt', 'int64'], [5, 'network', 'PodSandboxNetworkStatus'], [6, 'linux', 'LinuxPodSandboxStatus'], [7, 'labels', 'map'], [8, 'annotations', 'map'], [9, 'runtimeHandler', 'string']],
  PodSandboxStatusResponse: [[1, 'status', 'PodSandboxStatus'], [2, 'info', 'map'], [3, 'containersStatuses', 'ContainerStatus', true], [4, 'timestamp', 'int64']],
  PodSandboxStateValue: [[1, 'state', 'int32']],
  PodSandboxFilter: [[1, 'id', 'string'], [2, 'state', 'PodSandboxStateValue'], [3, 'labelSelector', 'map']],
  ListPodSandboxRequest: [[1, 'filter', 'PodSandboxFilter']],
  PodSandbox: [[1, 'id', 'string'], [2, 'metadata', 'PodSandboxMetadata'], [3, 'state', 'int32'], [4, 'createdAt', 'int64'], [5, 'labels', 'map'], [6, 'annotations', 'map'], [7, 'runtimeHandler', 'string']],
  ListPodSandboxResponse: [[1, 'items', 'PodSandbox', true]],
  PodSandboxStatsRequest: [[1, 'podSandboxId', 'string']],
  PodSandboxStatsResponse: [[1, 'stats', 'PodSandboxStats']],
  PodSandboxStatsFilter: [[1, 'id', 'string'], [2, 'labelSelector', 'map']],
  ListPodSandboxStatsRequest: [[1, 'filter', 'PodSandboxStatsFilter']],
  ListPodSandboxStatsResponse: [[1, 'stats', 'PodSandboxStats', true]],
  PodSandboxAttributes: [[1, 'id', 'string'], [2, 'metadata', 'PodSandboxMetadata'], [3, 'labels', 'map'], [4, 'annotations', 'map']],
  PodSandboxStats: [[1, 'attributes', 'PodSandboxAttributes'], [2, 'linux', 'LinuxPodSandboxStats']],
  LinuxPodSandboxStats: [[1, 'cpu', 'CpuUsage'], [2, 'memory', 'MemoryUsage'], [3, 'network', 'NetworkUsage'], [4, 'process', 'ProcessUsage'], [5, 'containers', 'ContainerStats', true]],
  NetworkUsage: [[1, 'timestamp', 'int64'], [2, 'defaultInterface', 'NetworkInterfaceUsage'], [3, 'interfaces', 'NetworkInterfaceUsage', true]],
  NetworkInterfaceUsage: [[1, 'name', 'string'], [2, 'rxBytes', 'UInt64Value'], [3, 'rxErrors', 'UInt64Value'], [4, 'txBytes', 'UInt64Value'], [5, 'txErrors', 'UInt64Value']],
  ProcessUsage: [[1, 'timestamp', 'int64'], [2, 'processCount', 'UInt64Value']],
  ImageSpec: [[1, 'image', 'string'], [2, 'annotations', 'map'], [18, 'userSpecifiedImage', 'string'], [19, 'runtimeHandler', 'string']],
  KeyValue: [[1, 'key', 'string'], [2, 'value', 'string']],
  LinuxContainerResources: [[1, 'cpuPeriod', 'int64'], [2, 'cpuQuota', 'int64'], [3, 'cpuShares', 'int64'], [4, 'memoryLimitInBytes', 'int64'], [5, 'oomScoreAdj', 'int64'], [6, 'cpusetCpus', 'string'], [7, 'cpusetMems', 'string'], [8, 'hugepageLimits', 'HugepageLimit', true], [9, 'unified', 'map'], [10, 'memorySwapLimitInBytes', 'int64']],
  HugepageLimit: [[1, 'pageSize', 'string'], [2, 'limit', 'uint64']],
  SELinuxOption: [[1, 'user', 'string'], [2, 'role', 'string'], [3, 'type', 'string'], [4, 'level', 'string']],
  Capability: [[1, 'addCapabilities', 'string', true], [2, 'dropCapabilities', 'string', true], [3, 'addAmbientCapabilities', 'string', true]],
  LinuxContainerSecurityContext: [[1, 'capabilities', 'Capability'], [2, 'privileged', 'bool'], [3, 'namespaceOptions', 'NamespaceOption'], [4, 'selinuxOptions', 'SELinuxOption'], [5, 'runAsUser', 'Int64Value'], [6, 'runAsUsername', 'string'], [7, 'readonlyRootfs', 'bool'], [8, 'supplementalGroups', 'int64', true], [9, 'apparmorProfile', 'string'], [10, 'seccompProfilePath', 'string'], [11, 'noNewPrivs', 'bool'], [12, 'runAsGroup', 'Int64Value'], [13, 'maskedPaths', 'string', true], [14, 'readonlyPaths', 'string', true], [15, 'seccomp', 'SecurityProfile'], [16, 'apparmor', 'SecurityProfile'], [17, 'supplementalGroupsPolicy', 'int32']],
  LinuxContainerConfig: [[1, 'resources', 'LinuxContainerResources'], [2, 'securityContext', 'LinuxContainerSecurityContext']],
  LinuxContainerUser: [[1, 'uid', 'int64'], [2, 'gid', 'int64'], [3, 'supplementalGroups', 'int64', true]],
  ContainerMetadata: [[1, 'name', 'string'], [2, 'attempt', 'uint32']],
  Device: [[1, 'containerPath', 'string'], [2, 'hostPath', 'string'], [3, 'permissions', 'string']],
  CDIDevice: [[1, 'name', 'string']],
  ContainerConfig: [[1, 'metadata', 'ContainerMetadata'], [2, 'image', 'ImageSpec'], [3, 'command', 'string', true], [4, 'args', 'string', true], [5, 'workingDir', 'string'], [6, 'envs', 'KeyValue', true], [7, 'mounts', 'Mount', true], [8, 'devices', 'Device', true], [9, 'labels', 'map'], [10, 'annotations', 'map'], [11, 'logPath', 'string'], [12, 'stdin', 'bool'], [13, 'stdinOnce', 'bool'], [14, 'tty', 'bool'], [15, 'linux', 'LinuxContainerConfig'], [17, 'cdiDevices', 'CDIDevice', true]],
  CreateContainerRequest: [[1, 'podSandboxId', 'string'], [2, 'config', 'ContainerConfig'], [3, 'sandboxConfig', 'PodSandboxConfig']],
  CreateContainerResponse: [[1, 'containerId', 'string']],
  StartContainerRequest: [[1, 'containerId', 'string']],
  StartContainerResponse: [],
  StopContainerRequest: [[1, 'containerId', 'string'], [2, 'timeout', 'int64']],
  StopContainerResponse: [],
  RemoveContainerRequest: [[1, 'containerId', 'string']],
  RemoveContainerResponse: [],
  ContainerStateValue: [[1, 'state', 'int32']],
  ContainerFilter: [[1, 'id', 'string'], [2, 'state', 'ContainerStateValue'], [3, 'podSandboxId', 'string'], [4, 'labelSelector', 'map']],
  ListContainersRequest: [[1, 'filter', 'ContainerFilter']],
  Container: [[1, 'id', 'string'], [2, 'podSandboxId', 'string'], [3, 'metadata', 'ContainerMetadata'], [4, 'image', 'ImageSpec'], [5, 'imageRef', 'string'], [6, 'state', 'int32'], [7, 'createdAt', 'int64'], [8, 'labels', 'map'], [9, 'annotations', 'map'], [10, 'imageId', 'string']],
  ListContainersResponse: [[1, 'containers', 'Container', true]],
  ContainerStatusRequest: [[1, 'containerId', 'string'], [2, 'verbose', 'bool']],
  ContainerStatus: [[1, 'id', 'string'], [2, 'metadata', 'ContainerMetadata'], [3, 'state', 'int32'], [4, 'createdAt', 'int64'], [5, 'startedAt', 'int64'], [6, 'finishedAt', 'int64'], [7, 'exitCode', 'int32'], [8, 'image', 'ImageSpec'], [9, 'imageRef', 'string'], [10, 'reason', 'string'], [11, 'message', 'string'], [12, 'labels', 'map'], [13, 'annotations', 'map'], [14, 'mounts', 'Mount', true], [15, 'logPath', 'string'], [16, 'resources', 'ContainerResources'], [17, 'imageId', 'string'], [18, 'user', 'ContainerUser']],
  ContainerStatusResponse: [[1, 'status', 'ContainerStatus'], [2, 'info', 'map']],
  ContainerResources: [[1, 'linux', 'LinuxContainerResources']],
  ContainerUser: [[1, 'linux', 'LinuxContainerUser']],
  UpdateContainerResourcesRequest: [[1, 'containerId', 'string'], [2, 'linux', 'LinuxContainerResources'], [4, 'annotations', 'map']],
  UpdateContainerResourcesResponse: [],
  ExecSyncRequest: [[1, 'containerId', 'string'], [2, 'cmd', 'string', true], [3, 'timeout', 'int64']],
  ExecSyncResponse: [[1, 'stdout', 'bytes'], [2, 'stderr', 'bytes'], [3, 'exitCode', 'int32']],
  ExecRequest: [[1, 'containerId', 'string'], [2, 'cmd', 'string', true], [3, 'tty', 'bool'], [4, 'stdin', 'bool'], [5, 'stdout', 'bool'], [6, 'stderr', 'bool']],
  ExecResponse: [[1, 'url', 'string']],
  AttachRequest: [[1, 'containerId', 'string'], [2, 'stdin', 'bool'], [3, 'tty', 'bool'], [4, 'stdout', 'bool'], [5, 'stderr', 'bool']],
  AttachResponse: [[1, 'url', 'string']],
  PortForwardRequest: [[1, 'podSandboxId', 'string'], [2, 'port', 'int32', true]],
  PortForwardResponse: [[1, 'url', 'string']],
  ImageFilter: [[1, 'image', 'ImageSpec']],
  ListImagesRequest: [[1, 'filter', 'ImageFilter']],
  Image: [[1, 'id', 'string'], [2, 'repoTags', 'string', true], [3, 'repoDigests', 'string', true], [4, 'size', 'uint64'], [5, 'uid', 'Int64Value'], [6, 'username', 'string'], [7, 'spec', 'ImageSpec'], [8, 'pinned', 'bool']],
  ListImagesResponse: [[1, 'images', 'Image', true]],
  ImageStatusRequest: [[1, 'image', 'ImageSpec'], [2, 'verbose', 'bool']],
  ImageStatusResponse: [[1, 'image', 'Image'], [2, 'info', 'map']],
  AuthConfig: [[1, 'username', 'string'], [2, 'password', 'string'], [3, 'auth', 'string'], [4, 'serverAddress', 'string'], [5, 'identityToken', 'string'], [6, 'registryToken', 'string']],
  PullImageRequest: [[1, 'image', 'ImageSpec'], [2, 'auth', 'AuthConfig'], [3, 'sandboxConfig', 'PodSandboxConfig']],
  PullImageResponse: [[1, 'imageRef', 'string']],
  RemoveImageRequest: [[1, 'image', 'ImageSpec']],
  RemoveImageResponse: [],
  NetworkConfig: [[1, 'podCidr', 'string']],
  RuntimeConfig: [[1, 'networkConfig', 'NetworkConfig']],
  UpdateRuntimeConfigRequest: [[1, 'runtimeConfig', 'RuntimeConfig']],
  UpdateRuntimeConfigResponse: [],
  RuntimeCondition: [[1, 'type', 'string'], [2, 'status', 'bool'], [3, 'reason', 'string'], [4, 'message', 'string']],
  RuntimeStatus: [[1, 'conditions', 'RuntimeCondition', true]],
  StatusRequest: [[1, 'verbose', 'bool']],
  RuntimeHandlerFeatures: [[1, 'recursiveReadOnlyMounts', 'bool'], [2, 'userNamespaces', 'bool']],
  RuntimeHandler: [[1, 'name', 'string'], [2, 'features', 'RuntimeHandlerFeatures']],
  RuntimeFeatures: [[1, 'supplementalGroupsPolicy', 'bool']],
  StatusResponse: [[1, 'status', 'RuntimeStatus'], [2, 'info', 'map'], [3, 'runtimeHandlers', 'RuntimeHandler', true], [4, 'features', 'RuntimeFeatures']],
  ImageFsInfoRequest: [],
  UInt64Value: [[1, 'value', 'uint64']],
  FilesystemIdentifier: [[1, 'mountpoint', 'string']],
  FilesystemUsage: [[1, 'timestamp', 'int64'], [2, 'fsId', 'FilesystemIdentifier'], [3, 'usedBytes', 'UInt64Value'], [4, 'inodesUsed', 'UInt64Value']],
  ImageFsInfoResponse: [[1, 'imageFilesystems', 'FilesystemUsage', true], [2, 'containerFilesystems', 'FilesystemUsage', true]],
  ContainerStatsRequest: [[1, 'containerId', 'string']],
  ContainerStatsResponse: [[1, 'stats', 'ContainerStats']],
  ListContainerStatsRequest: [[1, 'filter', 'ContainerStatsFilter']],
  ContainerStatsFilter: [[1, 'id', 'string'], [2, 'podSandboxId', 'string'], [3, 'labelSelector', 'map']],
  ListContainerStatsResponse: [[1, 'stats', 'ContainerStats', true]],
  ContainerAttributes: [[1, 'id', 'string'], [2, 'metadata', 'ContainerMetadata'], [3, 'labels', 'map'], [4, 'annotations', 'map']],
  ContainerStats: [[1, 'attributes', 'ContainerAttributes'], [2, 'cpu', 'CpuUsage'], [3, 'memory', 'MemoryUsage'], [4, 'writableLayer', 'FilesystemUsage'], [5, 'swap', 'SwapUsage']],
  CpuUsage: [[1, 'timestamp', 'int64'], [2, 'usageCoreNanoSeconds', 'UInt64Value'], [3, 'usageNanoCores', 'UInt64Value']],
  MemoryUsage: [[1, 'timestamp', 'int64'], [2, 'workingSetBytes', 'UInt64Value'], [3, 'availableBytes', 'UInt64Value'], [4, 'usageBytes', 'UInt64Value'], [5, 'rssBytes', 'UInt64Value'], [6, 'pageFaults', 'UInt64Value'], [7, 'majorPageFaults', 'UInt64Value']],
  SwapUsage: [[1, 'timestamp', 'int64'], [2, 'swapAvailableBytes', 'UInt64Value'], [3, 'swapUsageBytes', 'UInt64Value']],
  ReopenContainerLogRequest: [[1, 'containerId', 'string']],
  ReopenContainerLogResponse: [],
  CheckpointContainerRequest: [[1, 'containerId', 'string'], [2, 'location', 'string'], [3, 'timeout', 'int64']],
  CheckpointContainerResponse: [],
  GetEventsRequest: [],
  ContainerEventResponse: [[1, 'containerId', 'string'], [2, 'containerEventType', 'int32'], [3, 'createdAt', 'int64'], [4, 'podSandboxStatus', 'PodSandboxStatus'], [5, 'containersStatuses', 'ContainerStatus', true]],
  ListMetricDescriptorsRequest: [],
  ListMetricDescriptorsResponse: [[1, 'descriptors', 'MetricDescriptor', true]],
  MetricDescriptor: [[1, 'name', 'string'], [2, 'help', 'string'], [3, 'labelKeys', 'string', true]],
  ListPodSandboxMetricsRequest: [],
  ListPodSandboxMetricsResponse: [[1, 'podMetrics', 'PodSandboxMetrics', true]],
  PodSandboxMetrics: [[1, 'podSandboxId', 'string'], [2, 'metrics', 'Metric', true], [3, 'containerMetrics', 'ContainerMetrics', true]],
  ContainerMetrics: [[1, 'containerId', 'string'], [2, 'metrics', 'Metric', true]],
  Metric: [[1, 'name', 'string'], [2, 'timestamp', 'int64'], [3, 'metricType', 'int32'], [4, 'labelValues', 'string', true], [5, 'value', 'UInt64Value']],
  RuntimeConfigRequest: [],
  RuntimeConfigResponse: [[1, 'linux', 'LinuxRuntimeConfiguration']],
  LinuxRuntimeConfiguration: [[1, 'cgroupDriver', 'int32']],
};

export interface CriMethods {
  Version: { request: VersionRequest; response: VersionResponse };
  RunPodSandbox: { request: RunPodSandboxRequest; response: RunPodSandboxResponse };
  StopPodSandbox: { request: StopPodSandboxRequest; response: StopPodSandboxResponse };
  RemovePodSandbox: { request: RemovePodSandboxRequest; response: RemovePodSandboxResponse };
  PodSandboxStatus: { request: PodSandboxStatusRequest; response: PodSandboxStatusResponse };
  ListPodSandbox: { request: ListPodSandboxRequest; response: ListPodSandboxResponse };
  CreateContainer: { request: CreateContainerRequest; response: CreateContainerResponse };
  StartContainer: { request: StartContainerRequest; response: StartContainerResponse };
  StopContainer: { request: StopContainerRequest; response: StopContainerResponse };
  RemoveContainer: { request: RemoveContainerRequest; response: RemoveContainerResponse };
  ListContainers: { request: ListContainersRequest; response: ListContainersResponse };
  ContainerStatus: { request: ContainerStatusRequest; response: ContainerStatusResponse };
  UpdateContainerResources: { request: UpdateContainerResourcesRequest; response: UpdateContainerResourcesResponse };
  ReopenContainerLog: { request: ReopenContainerLogRequest; response: ReopenContainerLogResponse };
  ExecSync: { request: ExecSyncRequest; response: ExecSyncResponse };
  Exec: { request: ExecRequest; response: ExecResponse };
  Attach: { request: AttachRequest; response: AttachResponse };
  PortForward: { request: PortForwardRequest; response: PortForwardResponse };
  ContainerStats: { request: ContainerStatsRequest; response: ContainerStatsResponse };
  ListContainerStats: { request: ListContainerStatsRequest; response: ListContainerStatsResponse };
  PodSandboxStats: { request: PodSandboxStatsRequest; response: PodSandboxStatsResponse };
  ListPodSandboxStats: { request: ListPodSandboxStatsRequest; response: ListPodSandboxStatsResponse };
  UpdateRuntimeConfig: { request: UpdateRuntimeConfigRequest; response: UpdateRuntimeConfigResponse };
  Status: { request: StatusRequest; response: StatusResponse };
  CheckpointContainer: { request: CheckpointContainerRequest; response: CheckpointContainerResponse };
  GetContainerEvents: { request: GetEventsRequest; response: ContainerEventResponse; stream: true };
  ListMetricDescriptors: { request: ListMetricDescriptorsRequest; response: ListMetricDescriptorsResponse };
  ListPodSandboxMetrics: { request: ListPodSandboxMetricsRequest; response: ListPodSandboxMetricsResponse };
  RuntimeConfig: { request: RuntimeConfigRequest; response: RuntimeConfigResponse };
  ListImages: { request: ListImagesRequest; response: ListImagesResponse };
  ImageStatus: { request: ImageStatusRequest; response: ImageStatusResponse };
  PullImage: { request: PullImageRequest; response: PullImageResponse };
  RemoveImage: { request: RemoveImageRequest; response: RemoveImageResponse };
  ImageFsInfo: { request: ImageFsInfoRequest; response: ImageFsInfoResponse };
}

export const METHODS: MethodTable<CriMethods> = {
  Version: ['runtime.v1.RuntimeService', 'VersionRequest', 'VersionResponse'],
  RunPodSandbox: ['runtime.v1.RuntimeService', 'RunPodSandboxRequest', 'RunPodSandboxResponse'],
  StopPodSandbox: ['runtime.v1.RuntimeService', 'StopPodSandboxRequest', 'StopPodSandboxResponse'],
  RemovePodSandbox: ['runtime.v1.RuntimeService', 'RemovePodSandboxRequest', 'RemovePodSandboxResponse'],
  PodSandboxStatus: ['runtime.v1.RuntimeService', 'PodSandboxStatusRequest', 'PodSandboxStatusResponse'],
  ListPodSandbox: ['runtime.v1.RuntimeService', 'ListPodSandboxRequest', 'ListPodSandboxResponse'],
  CreateContainer: ['runtime.v1.RuntimeService', 'CreateContainerRequest', 'CreateContainerResponse'],
  StartContainer: ['runtime.v1.RuntimeService', 'StartContainerRequest', 'StartContainerResponse'],
  StopContainer: ['runtime.v1.RuntimeService', 'StopContainerRequest', 'StopContainerResponse'],
  RemoveContainer: ['runtime.v1.RuntimeService', 'RemoveContainerRequest', 'RemoveContainerResponse'],
  ListContainers: ['runtime.v1.RuntimeService', 'ListContainersRequest', 'ListContainersResponse'],
  ContainerStatus: ['runtime.v1.RuntimeService', 'ContainerStatusRequest', 'ContainerStatusResponse'],
  UpdateContainerResources: ['runtime.v1.RuntimeService', 'UpdateContainerResourcesRequest', 'UpdateContainerResourcesResponse'],
  ReopenContainerLog: ['runtime.v1.RuntimeService', 'ReopenContainerLogRequest', 'ReopenContainerLogResponse'],
  ExecSync: ['runtime.v1.RuntimeService', 'ExecSyncRequest', 'ExecSyncResponse'],
  Exec: ['runtime.v1.RuntimeService', 'ExecRequest', 'ExecResponse'],
  Attach: ['runtime.v1.RuntimeService', 'AttachRequest', 'AttachResponse'],
  PortForward: ['runtime.v1.RuntimeService', 'PortForwardRequest', 'PortForwardResponse'],
  ContainerStats: ['runtime.v1.RuntimeService', 'ContainerStatsRequest', 'ContainerStatsResponse'],
  ListContainerStats: ['runtime.v1.RuntimeService', 'ListContainerStatsRequest', 'ListContainerStatsResponse'],
  PodSandboxStats: ['runtime.v1.RuntimeService', 'PodSandboxStatsRequest', 'PodSandboxStatsResponse'],
  ListPodSandboxStats: ['runtime.v1.RuntimeService', 'ListPodSandboxStatsRequest', 'ListPodSandboxStatsResponse'],
  UpdateRuntimeConfig: ['runtime.v1.RuntimeService', 'UpdateRuntimeConfigRequest', 'UpdateRuntimeConfigResponse'],
  Status: ['runtime.v1.RuntimeService', 'StatusRequest', 'StatusResponse'],
  CheckpointContainer: ['runtime.v1.RuntimeService', 'CheckpointContainerRequest', 'CheckpointContainerResponse'],
  GetContainerEvents: ['runtime.v1.RuntimeService', 'GetEventsRequest', 'ContainerEventResponse', 'stream'],
  ListMetricDescriptors: ['runtime.v1.RuntimeService', 'ListMetricDescriptorsRequest', 'ListMetricDescriptorsResponse'],
  ListPodSandboxMetrics: ['runtime.v1.RuntimeService', 'ListPodSandboxMetricsRequest', 'ListPodSandboxMetricsResponse'],
  RuntimeConfig: ['runtime.v1.RuntimeService', 'RuntimeConfigRequest', 'RuntimeConfigResponse'],
  ListImages: ['runtime.v1.ImageService', 'ListImagesRequest', 'ListImagesResponse'],
  ImageStatus: ['runtime.v1.ImageService', 'ImageStatusRequest', 'ImageStatusResponse'],
  PullImage: ['runtime.v1.ImageService', 'PullImageRequest', 'PullImageResponse'],
  RemoveImage: ['runtime.v1.ImageService', 'RemoveImageRequest', 'RemoveImageResponse'],
  ImageFsInfo: ['runtime.v1.ImageService', 'ImageFsInfoRequest', 'ImageFsInfoResponse'],
};
