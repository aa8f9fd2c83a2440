import { nodeMetricsColumns, podMetricsColumns } from '../table/metrics-columns.ts';
import { plainStrategy } from './core-strategies.ts';
import type { BuiltinEntry } from './define.ts';
import type { Verb } from './types.ts';

const READ: readonly Verb[] = ['get', 'list'];
const metrics = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  singular: '',
  verbs: READ,
  virtual: true,
  strategy: plainStrategy,
} as const;

/** What metrics-server serves on other clusters. */
export const metricsResources: readonly BuiltinEntry[] = [
  {
    ...metrics,
    plural: 'nodes',
    kind: 'NodeMetrics',
    type: 'metrics/v1beta1.NodeMetrics',
    clusterScoped: true,
    columns: nodeMetricsColumns,
  },
  {
    ...metrics,
    plural: 'pods',
    kind: 'PodMetrics',
    type: 'metrics/v1beta1.PodMetrics',
    columns: podMetricsColumns,
  },
];
