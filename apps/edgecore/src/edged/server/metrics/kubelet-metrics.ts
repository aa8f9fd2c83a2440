import type { Pod } from '@kubeedge-ts/apis';
import { type CriClient, METHODS } from '@kubeedge-ts/cri';
import type { Clock } from '@kubeedge-ts/runtime';
import { isStatic } from '../../pod/spec.ts';
import {
  createHistogram,
  exponentialBounds,
  family,
  type Histogram,
  histogramFamily,
  labelText,
} from './exposition.ts';

/** What the agent counts of itself, under the kubelet's names. */
export interface KubeletMetrics {
  /** The same client, with its calls counted and timed. */
  observed(cri: CriClient): CriClient;
  /** A status of the pod was reported. */
  podReported(uid: string, phase: string | undefined): void;
  relisted(durationMs: number): void;
  requested(method: string, route: string, longRunning: boolean): void;
  text(state: MetricsState): string;
}

/** What is so now. */
export interface MetricsState {
  readonly nodeName: string;
  readonly version: string;
  readonly pods: readonly Pod[];
  /** Undefined while the runtime is away. */
  readonly runtime:
    | { readonly sandboxes: number; readonly containers: ReadonlyMap<string, number> }
    | undefined;
  /** ms since the epoch; undefined before the first. */
  readonly relistedAt: number | undefined;
}

interface Operation {
  readonly name: string;
  count: number;
  errors: number;
  readonly histogram: Histogram;
}

const OPERATION_BOUNDS = exponentialBounds(0.005, 2.5, 14);
const DEFAULT_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const START_BOUNDS = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700,
  3600,
];
/** Pods that are remembered until they run; more than a node has. */
const MAX_STARTING = 1_024;

export function createKubeletMetrics(clock: Clock): KubeletMetrics {
  const operations = new Map<string, Operation>();
  const starting = new Map<string, number>();
  const podStart = createHistogram(START_BOUNDS);
  const relist = createHistogram(DEFAULT_BOUNDS);
  const relistInterval = createHistogram(DEFAULT_BOUNDS);
  const requests = new Map<string, number>();
  let relistedBefore: number | undefined;

  const operationOf = (method: string): Operation => {
    const known = operations.get(method);
    if (known !== undefined) return known;
    const fresh = {
      name: operationName(method),
      count: 0,
      errors: 0,
      histogram: createHistogram(OPERATION_BOUNDS),
    };
    operations.set(method, fresh);
    return fresh;
  };

  return {
    observed(cri) {
      const wrapped: Record<string, unknown> = { endpoint: cri.endpoint, close: () => cri.close() };
      for (const method of Object.keys(METHODS)) {
        const key = `${method.charAt(0).toLowerCase()}${method.slice(1)}` as keyof CriClient;
        const call = cri[key] as (...args: unknown[]) => Promise<unknown>;
        wrapped[key] = async (...args: unknown[]): Promise<unknown> => {
          const operation = operationOf(method);
          const started = clock.monotonic();
          operation.count += 1;
          try {
            return await call(...args);
          } catch (error) {
            operation.errors += 1;
            throw error;
          } finally {
            operation.histogram.observe((clock.monotonic() - started) / 1_000);
          }
        };
      }
      return wrapped as unknown as CriClient;
    },
    podReported(uid, phase) {
      const since = starting.get(uid);
      if (phase === 'Pending') {
        if (since === undefined && starting.size < MAX_STARTING) starting.set(uid, clock.monotonic());
        return;
      }
      if (since !== undefined && phase === 'Running') podStart.observe((clock.monotonic() - since) / 1_000);
      starting.delete(uid);
    },
    relisted(durationMs) {
      const now = clock.monotonic();
      relist.observe(durationMs / 1_000);
      if (relistedBefore !== undefined) relistInterval.observe((now - relistedBefore) / 1_000);
      relistedBefore = now;
    },
    requested(method, route, longRunning) {
      const labels = labelText({
        long_running: String(longRunning),
        method,
        path: route,
        server_type: 'readonly',
      });
      requests.set(labels, (requests.get(labels) ?? 0) + 1);
    },
    text({ nodeName, version, pods, runtime, relistedAt }) {
      const present = new Set(pods.map(({ metadata }) => metadata.uid));
      for (const uid of starting.keys()) if (!present.has(uid)) starting.delete(uid);
      const counted = [...operations.values()];
      const perOperation = (pick: (operation: Operation) => number) =>
        counted.flatMap((operation) =>
          pick(operation) === 0
            ? []
            : [{ labels: labelText({ operation_type: operation.name }), value: pick(operation) }],
        );
      return [
        family('kubernetes_build_info', 'gauge', "A metric with a constant '1' value labeled by version.", [
          {
            labels: labelText({
              git_version: version,
              platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
            }),
            value: 1,
          },
        ]),
        family('kubelet_node_name', 'gauge', "The node's name. The count is always 1.", [
          { labels: labelText({ node: nodeName }), value: 1 },
        ]),
        family(
          'kubelet_running_pods',
          'gauge',
          'Number of pods that have a running pod sandbox',
          runtime === undefined ? [] : [{ labels: '', value: runtime.sandboxes }],
        ),
        family(
          'kubelet_running_containers',
          'gauge',
          'Number of containers currently running',
          [...(runtime?.containers ?? [])].map(([state, value]) => ({
            labels: labelText({ container_state: state }),
            value,
          })),
        ),
        family(
          'kubelet_desired_pods',
          'gauge',
          'The number of pods the kubelet is being instructed to run. static is true if the pod is not from the apiserver.',
          desiredPods(pods),
        ),
        histogramFamily(
          'kubelet_pod_start_duration_seconds',
          'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run',
          [{ labels: {}, histogram: podStart }],
        ),
        histogramFamily(
          'kubelet_pleg_relist_duration_seconds',
          'Duration in seconds for relisting pods in PLEG.',
          [{ labels: {}, histogram: relist }],
        ),
        histogramFamily(
          'kubelet_pleg_relist_interval_seconds',
          'Interval in seconds between relisting in PLEG.',
          [{ labels: {}, histogram: relistInterval }],
        ),
        family(
          'kubelet_pleg_last_seen_seconds',
          'gauge',
          'Timestamp in seconds when PLEG was last seen active.',
          relistedAt === undefined ? [] : [{ labels: '', value: relistedAt / 1_000 }],
        ),
        family(
          'kubelet_runtime_operations_total',
          'counter',
          'Cumulative number of runtime operations by operation type.',
          perOperation(({ count }) => count),
        ),
        family(
          'kubelet_runtime_operations_errors_total',
          'counter',
          'Cumulative number of runtime operation errors by operation type.',
          perOperation(({ errors }) => errors),
        ),
        histogramFamily(
          'kubelet_runtime_operations_duration_seconds',
          'Duration in seconds of runtime operations. Broken down by operation type.',
          counted.map(({ name, histogram }) => ({ labels: { operation_type: name }, histogram })),
        ),
        family(
          'kubelet_http_requests_total',
          'counter',
          'Number of the http requests received since the server started',
          [...requests].map(([labels, value]) => ({ labels, value })),
        ),
      ].join('');
    },
  };
}

/** `RunPodSandbox` → `run_podsandbox`, the kubelet's spelling. */
function operationName(method: string): string {
  return method
    .replace('PodSandbox', 'Podsandbox')
    .replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase();
}

function desiredPods(pods: readonly Pod[]) {
  const fixed = pods.filter(isStatic).length;
  return [
    { labels: labelText({ static: '' }), value: pods.length - fixed },
    { labels: labelText({ static: 'true' }), value: fixed },
  ];
}
