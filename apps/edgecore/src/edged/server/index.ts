export { createKubeletEndpoint, type EndpointOptions, type KubeletEndpoint } from './endpoint.ts';
export { createKubeletApi, type KubeletApi } from './kubelet-api.ts';
export { createKubeletMetrics, type KubeletMetrics } from './metrics/kubelet-metrics.ts';
