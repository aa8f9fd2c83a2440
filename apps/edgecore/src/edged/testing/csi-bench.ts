import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CSIDriver, Node, PersistentVolume, Pod, VolumeAttachment } from '@kubeedge-ts/apis';
import { seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { type Csi, createCsi } from '../volumes/csi/csi.ts';
import { attachmentName } from '../volumes/csi/names.ts';
import { volumePaths } from '../volumes/paths.ts';
import { createPodTokens } from '../volumes/tokens.ts';
import type { PreparedVolumes } from '../volumes/volumes.ts';
import { type FakeDriver, fakeDriver } from './fake-csi.ts';
import { type VolumeBench, volumeBench } from './volume-bench.ts';

type Spec = NonNullable<PersistentVolume['spec']>;

export const CLAIMED = { name: 'data', persistentVolumeClaim: { claimName: 'c' } };
/** The volume as the node's status names it. */
export const UNIQUE = 'kubernetes.io/csi/disk.example.org^vol-1';

/** Volumes of the CSI driver `disk.example.org`, which mounts nothing. */
export interface CsiBench {
  readonly volumes: VolumeBench;
  /** Of the edgecore that runs. */
  readonly csi: Csi;
  readonly driver: FakeDriver;
  /** Edged's time: back-offs pass by setting it. */
  now: number;
  register(socket?: string): Promise<void>;
  /** Claim `c` with persistent volume `pv-1`, handle `vol-1`. */
  putVolume(source?: Partial<NonNullable<Spec['csi']>>, spec?: Partial<Spec>): void;
  attach(status?: VolumeAttachment['status']): void;
  putDriver(spec: CSIDriver['spec']): void;
  /** The pod waits for its volume to be named in the node's status; then it is. */
  prepared(pod?: Pod): Promise<PreparedVolumes>;
  /** Holds `globalmount`. */
  stageDir(): Promise<string>;
}

export async function csiBench(): Promise<CsiBench> {
  const clock = { ...systemClock, now: () => bench.now };
  const random = seededRandom(1);
  let csi: Csi | undefined;
  const volumes = await volumeBench({
    csi(base) {
      csi = createCsi({
        nodeName: 'edge-a',
        paths: volumePaths(base.dir),
        meta: base.meta,
        mounts: base.mounts,
        blockDevices: base.blockDevices,
        connect: () => bench.driver.client,
        tokens: createPodTokens({
          meta: base.meta,
          events: { pod: () => {} },
          clock,
          random,
          log: silentLogger,
        }),
        events: {
          pod: (_pod, type, reason, message) => void base.events.push(`${type} ${reason} ${message}`),
        },
        onInUse: () => {},
        clock,
        random,
        log: silentLogger,
      });
      return csi.plugin;
    },
  });
  const { meta } = volumes;
  const bench: CsiBench = {
    volumes,
    get csi() {
      return csi as Csi;
    },
    driver: fakeDriver(volumes.mounts),
    now: Date.now(),
    register: (socket = '/reg.sock') =>
      bench.csi.handler.register(
        { name: 'disk.example.org', endpoint: '/csi.sock', versions: ['1.0.0'], socket },
        new AbortController().signal,
      ),
    putVolume(source = {}, spec = {}) {
      meta.putObject('persistentvolumeclaim', 'default', 'c', {
        metadata: { name: 'c', namespace: 'default', uid: 'claim-1' },
        spec: { volumeName: 'pv-1' },
        status: { phase: 'Bound' },
      });
      meta.putObject('persistentvolume', undefined, 'pv-1', {
        metadata: { name: 'pv-1' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          claimRef: { uid: 'claim-1' },
          csi: { driver: 'disk.example.org', volumeHandle: 'vol-1', fsType: 'ext4', ...source },
          ...spec,
        },
      });
    },
    attach(status = { attached: true }) {
      const name = attachmentName('vol-1', 'disk.example.org', 'edge-a');
      meta.putObject('volumeattachment', undefined, name, { metadata: { name }, status });
      const volumesAttached = status.attached ? [{ name: UNIQUE, devicePath: '' }] : [];
      meta.nodes.set('edge-a', { metadata: { name: 'edge-a' }, status: { volumesAttached } } as Node);
    },
    putDriver: (spec) => meta.putObject('csidriver', undefined, 'disk.example.org', { spec }),
    async prepared(pod = volumes.podWith([CLAIMED])) {
      await volumes.prepare(pod).catch(() => undefined);
      bench.csi.reportedInUse(bench.csi.volumesInUse());
      return volumes.prepare(pod);
    },
    async stageDir() {
      const dir = join(volumes.dir, 'plugins/kubernetes.io/csi/disk.example.org');
      return join(dir, (await readdir(dir))[0] ?? '');
    },
  };
  return bench;
}
