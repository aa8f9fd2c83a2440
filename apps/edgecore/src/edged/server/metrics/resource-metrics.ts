import type { Figures } from '../../stats/index.ts';
import { family, labelText, type Sample } from './exposition.ts';

/** `/metrics/resource`: what metrics-server reads (spec/edged.md §16). Undefined: the figures cannot be had now. */
export function resourceMetrics(figures: Figures | undefined): string {
  const failed: Sample[] = [{ labels: '', value: figures === undefined ? 1 : 0 }];
  const said =
    figures === undefined ? [] : [nodeMetrics(figures), containerMetrics(figures), podMetrics(figures)];
  const help = '1 if there was an error while getting container metrics, 0 otherwise';
  return [
    ...said,
    family('resource_scrape_error', 'gauge', help, failed),
    family('scrape_error', 'gauge', help, failed),
  ].join('');
}

function nodeMetrics({ at, node }: Figures): string {
  const { usage, swapBytes, swapFreeBytes } = node;
  return [
    family(
      'node_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the node in core-seconds',
      sample('', usage?.cpu && usage.cpu.usageNs / 1e9, usage?.at),
    ),
    family(
      'node_memory_working_set_bytes',
      'gauge',
      'Current working set of the node in bytes',
      sample('', usage?.memory?.workingSetBytes, usage?.at),
    ),
    family(
      'node_swap_usage_bytes',
      'gauge',
      'Current swap usage of the node in bytes. Reported only on non-windows systems',
      sample('', swapBytes - swapFreeBytes, at),
    ),
  ].join('');
}

function containerMetrics({ pods }: Figures): string {
  const all = pods.flatMap(({ pod, containers }) =>
    containers.map((container) => ({
      container,
      labels: labelText({ container: container.name, namespace: pod.namespace, pod: pod.name }),
    })),
  );
  const of = (value: (container: Figures['pods'][number]['containers'][number]) => number | undefined) =>
    all.flatMap(({ container, labels }) => sample(labels, value(container), container.usage?.at));
  return [
    family(
      'container_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the container in core-seconds',
      of(({ usage }) => usage?.cpu && usage.cpu.usageNs / 1e9),
    ),
    family(
      'container_memory_working_set_bytes',
      'gauge',
      'Current working set of the container in bytes',
      of(({ usage }) => usage?.memory?.workingSetBytes),
    ),
    family(
      'container_start_time_seconds',
      'gauge',
      'Start time of the container since unix epoch in seconds',
      all.map(({ container, labels }) => ({ labels, value: container.createdAt / 1_000 })),
    ),
    family(
      'container_swap_usage_bytes',
      'gauge',
      'Current amount of the container swap usage in bytes. Reported only on non-windows systems',
      of(({ usage }) => usage?.memory?.swapBytes),
    ),
  ].join('');
}

function podMetrics({ pods }: Figures): string {
  const of = (value: (pod: Figures['pods'][number]) => number | undefined) =>
    pods.flatMap((one) =>
      sample(
        labelText({ namespace: one.pod.namespace, pod: one.pod.name }),
        value(one),
        one.cgroup?.usage.at ?? one.containers[0]?.usage?.at,
      ),
    );
  /** The pod's own cgroup, or its containers together. */
  const either = (
    pod: Figures['pods'][number],
    value: (usage: NonNullable<typeof pod.cgroup>['usage']) => number | undefined,
  ): number | undefined => {
    if (pod.cgroup !== undefined) return value(pod.cgroup.usage);
    const parts = pod.containers.flatMap(({ usage }) => (usage === undefined ? [] : (value(usage) ?? [])));
    return parts.length === 0 ? undefined : parts.reduce((sum, part) => sum + part, 0);
  };
  return [
    family(
      'pod_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the pod in core-seconds',
      of((pod) => either(pod, ({ cpu }) => cpu && cpu.usageNs / 1e9)),
    ),
    family(
      'pod_memory_working_set_bytes',
      'gauge',
      'Current working set of the pod in bytes',
      of((pod) => either(pod, ({ memory }) => memory?.workingSetBytes)),
    ),
    family(
      'pod_swap_usage_bytes',
      'gauge',
      'Current amount of the pod swap usage in bytes. Reported only on non-windows systems',
      of((pod) => either(pod, ({ memory }) => memory?.swapBytes)),
    ),
  ].join('');
}

function sample(labels: string, value: number | undefined, at: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels, value, ...(at === undefined ? {} : { at }) }];
}
