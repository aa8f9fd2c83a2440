import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import type { Clock } from '@kubeedge-ts/runtime';
import { KUBELET_VERSION } from '../../node/version.ts';
import type { Figures, KernelFiles, Stats } from '../../stats/index.ts';
import { sendMetrics } from '../http-answers.ts';
import type { Answer } from '../kubelet-api.ts';
import { cadvisorMetrics, type MachineFacts } from './cadvisor-metrics.ts';
import { family, labelText } from './exposition.ts';
import type { KubeletMetrics } from './kubelet-metrics.ts';
import { processMetrics } from './process-metrics.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { runtimeState } from './runtime-state.ts';
import { deviceName, mountedDevice, subjectsOf } from './subjects.ts';
import { volumeMetrics } from './volume-metrics.ts';

/** One sample of `prober_probe_total`. */
export interface ProbeCount {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricsOptions {
  readonly nodeName: string;
  readonly rootDir: string;
  /** Image of the pods' sandboxes. */
  readonly sandboxImage: () => string;
  readonly pods: () => readonly Pod[];
  readonly cri: Pick<CriClient, 'listPodSandbox' | 'listContainers'>;
  readonly stats: Stats;
  readonly metrics: KubeletMetrics;
  readonly kernel: KernelFiles;
  readonly machine: () => Omit<MachineFacts, 'memoryBytes' | 'swapBytes'>;
  readonly probeCounts: () => Iterable<ProbeCount>;
  /** Monotonic ms. */
  readonly relistedAt: () => number | undefined;
  /** Of the process, ms since the epoch. */
  readonly startedAt: number;
  readonly clock: Clock;
}

type MetricsAnswers = Record<'metrics' | 'metricsResource' | 'metricsCadvisor' | 'metricsProbes', Answer>;

/** `/metrics` and what lies below it, in Prometheus' text format. */
export function createMetricsAnswers(options: MetricsOptions): MetricsAnswers {
  const { nodeName, rootDir, sandboxImage, pods, cri, stats, metrics, kernel, machine, clock } = options;
  const { probeCounts, relistedAt, startedAt } = options;

  const relistTime = (): number | undefined => {
    const seen = relistedAt();
    return seen === undefined ? undefined : clock.now() - (clock.monotonic() - seen);
  };
  const volumes = async (): Promise<string> => {
    const known = pods();
    const claims = known.some(({ spec }) =>
      spec?.volumes?.some(({ persistentVolumeClaim: claim, ephemeral }) => claim ?? ephemeral),
    );
    return claims
      ? stats.storage().then(
          (storage) => volumeMetrics(known, storage),
          () => '',
        )
      : '';
  };

  return {
    async metrics(_ask, response) {
      const state = {
        nodeName,
        version: KUBELET_VERSION,
        pods: pods(),
        runtime: await runtimeState(cri),
        relistedAt: relistTime(),
      };
      sendMetrics(response, `${metrics.text(state)}${await volumes()}${processMetrics(kernel, startedAt)}`);
    },
    async metricsResource(_ask, response) {
      const figures: Figures | undefined = await stats.figures('basic').catch(() => undefined);
      sendMetrics(response, resourceMetrics(figures));
    },
    async metricsCadvisor({ signal }, response) {
      const [figures, storage] = await Promise.all([stats.figures('full'), stats.storage()]);
      const nodeDevice = mountedDevice(kernel.read('/proc/self/mountinfo') ?? '', rootDir);
      const parts = cadvisorMetrics({
        at: figures.at,
        subjects: subjectsOf({ figures, storage, pods: pods(), sandboxImage: sandboxImage(), nodeDevice }),
        machine: { ...machine(), memoryBytes: figures.node.memoryBytes, swapBytes: figures.node.swapBytes },
        deviceName: (device) => deviceName(kernel, device),
      });
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      for (const part of parts) await write(response, part, signal);
      response.end();
    },
    metricsProbes(_ask, response) {
      const samples = [...probeCounts()].map(({ labels, value }) => ({ labels: labelText(labels), value }));
      const help = 'Cumulative number of a liveness, readiness or startup probe for a container by result.';
      sendMetrics(response, family('prober_probe_total', 'counter', help, samples));
    },
  };
}

async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (text === '') return;
  signal.throwIfAborted();
  if (!response.write(text)) await once(response, 'drain', { signal });
}
