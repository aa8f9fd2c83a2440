import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { type Clock, seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import type { Events } from '../events.ts';
import type { Volume, VolumePlugin } from '../volumes/plugin.ts';
import { createPodTokens } from '../volumes/tokens.ts';
import { createVolumes, type Volumes } from '../volumes/volumes.ts';
import { type FakeBlockDevices, type FakeMounts, fakeBlockDevices, fakeMounts } from './fake-mounts.ts';
import { type MemoryMeta, memoryMeta } from './memory-meta.ts';
import { container, pod } from './pods.ts';

/** The volumes of one node in a directory of their own, with a mount table that mounts nothing. */
export interface VolumeBench {
  readonly dir: string;
  readonly meta: MemoryMeta;
  readonly mounts: FakeMounts;
  readonly blockDevices: FakeBlockDevices;
  readonly volumes: Volumes;
  /** `Warning FailedMount …` */
  readonly events: string[];
  readonly labels: Record<string, string>;
  /** Pod `u1` whose container mounts all of these. */
  podWith(list: readonly Volume[], spec?: Partial<NonNullable<Pod['spec']>>, uid?: string): Pod;
  prepare(pod: Pod): ReturnType<Volumes['prepare']>;
  /** Directory of a volume of pod `u1`. */
  pathOf(plugin: string, name: string, uid?: string): string;
  read(plugin: string, name: string, file: string): Promise<string>;
  /** As edgecore does when it starts again: nothing is remembered, all that lies on the disk is there. */
  restart(): void;
  close(): Promise<void>;
}

export const CONTEXT = {
  addresses: { hostIPs: ['192.0.2.1'], podIPs: ['10.0.0.2'] },
  allocatable: { memory: '1Gi' },
};

export async function volumeBench(
  options: {
    readonly csi?: (bench: Omit<VolumeBench, 'volumes'>) => VolumePlugin;
    readonly clock?: Clock;
  } = {},
): Promise<VolumeBench> {
  const dir = await mkdtemp(join(tmpdir(), 'kets-vol-'));
  const { clock = systemClock } = options;
  const events: string[] = [];
  const said: Pick<Events, 'pod'> = {
    pod: (_pod, type, reason, message) => void events.push(`${type} ${reason} ${message}`),
  };
  const base = {
    dir,
    meta: memoryMeta(),
    mounts: fakeMounts(),
    blockDevices: fakeBlockDevices(),
    events,
    labels: { 'kubernetes.io/hostname': 'edge-a' } as Record<string, string>,
    podWith: (list: readonly Volume[], spec: Partial<NonNullable<Pod['spec']>> = {}, uid = 'u1') => {
      const volumeMounts = list.map(({ name }) => ({ name, mountPath: `/${name}` }));
      const containers = [container('main', { volumeMounts })];
      return pod('web', { volumes: [...list], containers, ...spec }, { uid });
    },
    prepare: (it: Pod) => bench.volumes.prepare(it, CONTEXT),
    pathOf: (plugin: string, name: string, uid = 'u1') =>
      join(dir, 'pods', uid, 'volumes', `kubernetes.io~${plugin}`, name),
    read: (plugin: string, name: string, file: string) =>
      readFile(join(base.pathOf(plugin, name), file), 'utf8'),
    restart: () => {
      bench.volumes = make();
    },
    close: () => rm(dir, { recursive: true, force: true }),
  };
  const make = (): Volumes =>
    createVolumes({
      rootDir: dir,
      meta: base.meta,
      mounts: base.mounts,
      blockDevices: base.blockDevices,
      node: async () => ({ name: 'edge-a', labels: base.labels }),
      ...(options.csi === undefined ? {} : { csi: options.csi(base) }),
      tokens: createPodTokens({
        meta: base.meta,
        events: said,
        clock,
        random: seededRandom(1),
        log: silentLogger,
      }),
      events: said,
      clock,
      log: silentLogger,
    });
  const bench: { -readonly [K in keyof VolumeBench]: VolumeBench[K] } = { ...base, volumes: make() };
  return bench;
}
