import type { UnknownObject } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { canonicalQuantity } from '../schema/quantity.ts';
import type { ContainerUsage, Usage } from './summary.ts';

const API_VERSION = 'metrics.k8s.io/v1beta1';
/** What a kubelet's CPU figures look back over, about. */
const WINDOW = '10s';

/** `NodeMetrics` of a node. */
export function nodeMetricsOf(node: UnknownObject, usage: Usage, now: number): UnknownObject {
  return {
    kind: 'NodeMetrics',
    apiVersion: API_VERSION,
    ...about(node, usage.time, now),
    usage: quantities(usage),
  };
}

/** `PodMetrics` of a pod. */
export function podMetricsOf(
  pod: UnknownObject,
  containers: readonly ContainerUsage[],
  now: number,
): UnknownObject {
  const oldest = containers.map(({ usage }) => usage.time).sort((a, b) => Date.parse(a) - Date.parse(b))[0];
  return {
    kind: 'PodMetrics',
    apiVersion: API_VERSION,
    ...about(pod, oldest ?? '', now),
    containers: containers.map(({ name, usage }) => ({ name, usage: quantities(usage) })),
  };
}

function about(object: UnknownObject, time: string, now: number) {
  const { name, namespace, labels } = object.metadata;
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      creationTimestamp: rfc3339(now),
      ...(labels !== undefined && { labels }),
    },
    timestamp: rfc3339(Date.parse(time)),
    window: WINDOW,
  };
}

function quantities({ nanoCores, workingSetBytes }: Usage) {
  // Memory is told in binary units, or to the byte.
  const memory =
    workingSetBytes % 1024 === 0 ? canonicalQuantity(`${workingSetBytes / 1024}Ki`) : String(workingSetBytes);
  return { cpu: canonicalQuantity(`${nanoCores}n`), memory };
}
