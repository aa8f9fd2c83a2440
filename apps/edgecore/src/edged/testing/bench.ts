import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerStatus, NodeStatus } from '@kubeedge-ts/apis';
import { ContainerState, type CriClient, createCriClient } from '@kubeedge-ts/cri';
import { type Clock, silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { type FakeCri, type MethodName, startFakeCri } from '@kubeedge-ts/testing/fake-cri';
import { createEdged, type Edged } from '../edged.ts';
import { edgedConfig } from './config.ts';
import { fakeHost } from './fake-host.ts';
import { type MemoryMeta, memoryMeta } from './memory-meta.ts';

/** The image of `container()`, present in the fake runtime. */
export const IMAGE = 'docker.io/library/busybox:1';
/** Edged's time runs ten times as fast as ours. */
const HURRY = 10;

/** Edged between a fake runtime, a machine of strings and a MetaManager in memory. */
export interface Bench {
  readonly dir: string;
  readonly fake: FakeCri;
  readonly meta: MemoryMeta;
  readonly clock: Clock;
  /** Of the edged that runs. */
  readonly sink: Edged['sink'];
  readonly kubelet: Edged['kubelet'];
  /** A second client of the fake runtime. */
  readonly cri: CriClient;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops everything and removes the directory. */
  close(): Promise<void>;
  /** Fails with the pods' statuses when it does not come true within 10 s. */
  until<T>(what: string, look: () => T | undefined | false): Promise<T>;
  mainOf(pod: string): ContainerStatus | undefined;
  waitingReason(pod: string): string | undefined;
  runs(pod: string): boolean;
  calls(method: MethodName): number;
  requests(method: MethodName): readonly object[];
  runningContainers(): number;
  isNodeReady(): boolean;
}

export async function createBench(): Promise<Bench> {
  const epoch = Date.now();
  const clock: Clock = {
    now: () => epoch + (Date.now() - epoch) * HURRY,
    monotonic: () => performance.now() * HURRY,
    after: (ms, task) => systemClock.after(ms / HURRY, task),
  };
  const dir = await mkdtemp(join(tmpdir(), 'kets-edged-'));
  const fake = await startFakeCri({ now: clock.now });
  fake.addImage(IMAGE);
  const meta = memoryMeta(clock.now);
  const cri = createCriClient({ endpoint: fake.endpoint, clock: systemClock });
  let edged: Edged | undefined;

  const bench: Bench = {
    dir,
    fake,
    meta,
    clock,
    cri,
    get sink() {
      if (edged === undefined) throw new Error('edged does not run');
      return edged.sink;
    },
    get kubelet() {
      if (edged === undefined) throw new Error('edged does not run');
      return edged.kubelet;
    },
    async start() {
      edged = createEdged({
        cri: createCriClient({ endpoint: fake.endpoint, clock }),
        meta,
        config: edgedConfig({
          rootDir: join(dir, 'kubelet'),
          podLogsDir: join(dir, 'logs'),
          cgroupsPerQOS: false,
          readOnlyPort: 0,
        }),
        clock,
        random: systemRandom,
        log: silentLogger,
        host: fakeHost({ files: { '/proc/meminfo': 'MemTotal: 1000000 kB\nMemAvailable: 900000 kB' } }),
      });
      meta.sink = edged.sink;
      await edged.module.start(new AbortController().signal);
    },
    async stop() {
      await edged?.module.stop();
      edged = undefined;
    },
    async close() {
      await bench.stop();
      cri.close();
      await fake.stop();
      await rm(dir, { recursive: true, force: true });
    },
    async until(what, look) {
      for (const deadline = Date.now() + 10_000; ; ) {
        const found = look();
        if (found !== undefined && found !== false) return found;
        if (Date.now() > deadline) {
          const said = [...meta.statuses].map(([name, list]) => [name, list.at(-1)]);
          throw new Error(`not reached: ${what}; ${JSON.stringify(said)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    mainOf: (pod) => meta.statusOf(pod)?.containerStatuses?.[0],
    waitingReason: (pod) => bench.mainOf(pod)?.state?.waiting?.reason,
    runs: (pod) => bench.mainOf(pod)?.ready === true,
    calls: (method) => bench.requests(method).length,
    requests: (method) => fake.calls.filter((call) => call.method === method).map(({ request }) => request),
    runningContainers: () =>
      [...fake.runtime.containers.values()].filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)
        .length,
    isNodeReady: () =>
      (meta.nodeStatuses.at(-1) as NodeStatus | undefined)?.conditions?.at(-1)?.status === 'True',
  };
  return bench;
}
