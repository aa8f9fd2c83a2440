import type { Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { EdgedConfig } from '../config.ts';
import type { KernelFiles, Stats } from '../stats/index.ts';
import { createCheckpointAnswer } from './checkpoint.ts';
import { createContainerLogsAnswer } from './container-logs.ts';
import { createHealthAnswer } from './health.ts';
import { sendJson } from './http-answers.ts';
import { createKubeletApi, type KubeletApi } from './kubelet-api.ts';
import { serveOnLoopback } from './listener.ts';
import { createMetricsAnswers, type MetricsOptions } from './metrics/answers.ts';
import type { KubeletMetrics } from './metrics/kubelet-metrics.ts';
import { createPodsAnswer, createRunningPodsAnswer } from './pod-lists.ts';
import { createRunAnswer } from './run-command.ts';
import { createStreamOpeners } from './streams.ts';

export interface EndpointOptions {
  readonly config: EdgedConfig;
  readonly cri: CriClient;
  /** The pods this node was told of, each with the status it has here now. */
  readonly pods: () => readonly Pod[];
  readonly stats: Stats;
  readonly metrics: KubeletMetrics;
  readonly kernel: KernelFiles;
  readonly machine: MetricsOptions['machine'];
  readonly probeCounts: MetricsOptions['probeCounts'];
  readonly sandboxImage: MetricsOptions['sandboxImage'];
  /** Monotonic ms of the last round in which the runtime was looked at. */
  readonly syncLoopSeenAt: () => number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface KubeletEndpoint {
  readonly api: KubeletApi;
  /** Serves on loopback until the signal aborts; never rejects. Without a port it only waits. */
  run(signal: AbortSignal): Promise<void>;
}

/** The kubelet's endpoint (spec/edged.md §15): one API, open on loopback as far as DESIGN §11 allows. */
export function createKubeletEndpoint(options: EndpointOptions): KubeletEndpoint {
  const { config, cri, pods, stats, metrics, kernel, syncLoopSeenAt, clock, random, log } = options;
  const { nodeName, rootDir, readOnlyPort, debuggingHandlers, streamIdleMs, syncStaleMs } = config;
  const api = createKubeletApi({
    answers: {
      health: createHealthAnswer({ syncLoopSeenAt, syncStaleMs, clock }),
      pods: createPodsAnswer(pods),
      runningPods: createRunningPodsAnswer(cri),
      containerLogs: createContainerLogsAnswer({ pods, cri, clock }),
      run: createRunAnswer({ pods, cri }),
      checkpoint: createCheckpointAnswer({ pods, cri, rootDir, clock }),
      configz: (_ask, response) => sendJson(response, { kubeletconfig: config.kubelet }),
      async statsSummary({ query }, response) {
        const only = query.get('only_cpu_and_memory');
        sendJson(response, await stats.summary({ onlyCpuAndMemory: only === 'true' || only === '1' }));
      },
      ...createMetricsAnswers({
        nodeName,
        rootDir,
        sandboxImage: options.sandboxImage,
        pods,
        cri,
        stats,
        metrics,
        kernel,
        machine: options.machine,
        probeCounts: options.probeCounts,
        relistedAt: syncLoopSeenAt,
        startedAt: clock.now() - process.uptime() * 1_000,
        clock,
      }),
    },
    streams: createStreamOpeners({ pods, cri }),
    debuggingHandlers,
    streamIdleMs,
    clock,
    log,
    onRequest: (method, route, longRunning) => metrics.requested(method, route, longRunning),
  });
  return {
    api,
    async run(signal) {
      const close = (): void => api.close();
      signal.addEventListener('abort', close, { once: true });
      if (readOnlyPort === 0) return;
      if (debuggingHandlers === true)
        log.warn(
          { port: readOnlyPort },
          'logs, exec and the like are open to every process of this machine, as enableDebuggingHandlers asks for',
        );
      const server = () => api.server('loopback');
      await serveOnLoopback({ server, port: readOnlyPort, clock, random, log }, signal);
    },
  };
}
