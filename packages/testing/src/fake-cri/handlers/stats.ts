import type { ContainerStats, Init, PodSandboxStats } from '@kubeedge-ts/cri';
import type { Backend, Handlers } from '../backend.ts';
import type { FakeContainer, FakeSandbox } from '../fake-runtime.ts';
import { Refusal, UNKNOWN } from '../refusal.ts';
import { containerStats, sandboxStats } from '../stats.ts';
import { matches } from '../views.ts';

/** What containers, sandboxes and the image file system use. */
export function statsHandlers({ runtime, images, settings }: Backend): Handlers {
  const statsOf = (container: FakeContainer): Init<ContainerStats> => {
    const usage = settings.usage.get(container.config.metadata?.name ?? '') ?? {};
    return containerStats(container, usage, settings.imageFs, runtime.now());
  };
  const sandboxStatsOf = (sandbox: FakeSandbox): Init<PodSandboxStats> => {
    const usage = settings.sandboxUsage.get(sandbox.config.metadata?.name ?? '') ?? {};
    return sandboxStats(sandbox, runtime.containersOf(sandbox.id).map(statsOf), usage, runtime.now());
  };

  return {
    ContainerStats({ containerId }) {
      const container = runtime.container(containerId);
      if (!container.isRunning) throw new Refusal(UNKNOWN, 'unexpected metrics response: []');
      return { stats: statsOf(container) };
    },
    ListContainerStats: ({ filter }) => ({
      stats: [...runtime.containers.values()]
        .filter(
          ({ id, sandboxId, config }) =>
            (!filter?.id || id.startsWith(filter.id)) &&
            (!filter?.podSandboxId || sandboxId.startsWith(filter.podSandboxId)) &&
            matches(config.labels, filter?.labelSelector),
        )
        .map(statsOf),
    }),
    PodSandboxStats({ podSandboxId }) {
      const sandbox = runtime.sandbox(podSandboxId);
      if (!sandbox.ready) {
        throw new Refusal(
          UNKNOWN,
          `failed to get pod sandbox stats since sandbox "${sandbox.id}" is not in ready state`,
        );
      }
      return { stats: sandboxStatsOf(sandbox) };
    },
    ListPodSandboxStats: ({ filter }) => ({
      stats: [...runtime.sandboxes.values()]
        .filter(
          ({ id, config, ready }) =>
            ready &&
            (!filter?.id || id.startsWith(filter.id)) &&
            matches(config.labels, filter?.labelSelector),
        )
        .map(sandboxStatsOf),
    }),
    ListMetricDescriptors: () => ({
      descriptors: [
        {
          name: 'container_memory_working_set_bytes',
          help: 'Current working set in bytes.',
          labelKeys: ['id', 'name'],
        },
      ],
    }),
    ListPodSandboxMetrics: () => ({
      podMetrics: [...runtime.sandboxes.values()].map(({ id }) => ({
        podSandboxId: id,
        metrics: [],
        containerMetrics: runtime.containersOf(id).map((container) => ({
          containerId: container.id,
          metrics: [
            {
              name: 'container_memory_working_set_bytes',
              timestamp: runtime.now(),
              metricType: 1,
              labelValues: [container.id, container.config.metadata?.name ?? ''],
              value: { value: statsOf(container).memory?.workingSetBytes?.value ?? 0 },
            },
          ],
        })),
      })),
    }),
    ImageFsInfo() {
      const { mountpoint, usedBytes, inodesUsed } = settings.imageFs;
      const usage = {
        timestamp: runtime.now(),
        fsId: { mountpoint },
        usedBytes: { value: usedBytes ?? images.usedBytes() },
        inodesUsed: { value: inodesUsed },
      };
      return { imageFilesystems: [usage] };
    },
  };
}
