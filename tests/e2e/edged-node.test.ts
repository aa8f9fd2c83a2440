import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { NodeStatus } from '@kubeedge-ts/apis';
import { unmountBelow } from '@kubeedge-ts/testing/containerd';
import type { MemoryMeta } from '../../apps/edgecore/src/edged/testing/memory-meta.ts';
import { container, deleting, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';

const Mi = 2 ** 20;
const DISK = 160 * Mi;
/** Below this the node is short of disk. */
const THRESHOLD = 48 * Mi;
const UNUSED = 'kubeedge-ts.local/unused:1';

let disk: string;
let bed: EdgedBed;
let meta: MemoryMeta;

/** A disk of 160 MiB holds the root directory, the images and the containers: it is soon full. */
describe('a node with little disk, on real containerd', { timeout: 240_000 }, () => {
  before(async () => {
    disk = await mkdtemp(join(tmpdir(), 'kets-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk]);
    bed = await createEdgedBed({
      name: 'node',
      containerdDir: join(disk, 'containerd'),
      config: {
        rootDir: join(disk, 'kubelet'),
        evictionHard: { 'nodefs.available': String(THRESHOLD) },
        evictionTransitionMs: 1_000,
        imageGc: { highPercent: 100, lowPercent: 80, minAgeMs: 0, maxAgeMs: 0 },
        statusMaxImages: -1,
      },
    });
    meta = bed.meta;
    meta.nodes.set('edge-a', {
      metadata: { name: 'edge-a', uid: 'n-1', labels: { 'kubernetes.io/hostname': 'other', site: 'north' } },
    });
    await bed.start();
  });
  after(async () => {
    await bed?.close();
    if (disk === undefined) return;
    await unmountBelow(disk);
    await rm(disk, { recursive: true, force: true });
  });

  const status = () => meta.nodeStatuses.at(-1) as NodeStatus;
  const condition = (type: string) => status()?.conditions?.find((one) => one.type === type);
  const eventsOf = (name: string) =>
    meta.events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason);
  const available = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(disk);
    return bavail * bsize;
  };
  /** Leaves so many bytes. */
  const fillTo = async (left: number): Promise<void> => {
    const filler = join(disk, 'filler');
    await rm(filler, { force: true });
    await writeFile(filler, Buffer.alloc(Math.max(0, (await available()) - left)));
  };

  test('a node that was registered before gets its own labels back and keeps those of its users', async () => {
    await bed.until('Ready', () => condition('Ready')?.status === 'True');
    await bed.until(
      'labels',
      () => meta.nodes.get('edge-a')?.metadata.labels?.['kubernetes.io/hostname'] === 'edge-a',
    );
    const { labels, annotations } = meta.nodes.get('edge-a')?.metadata ?? {};
    assert.equal(labels?.['site'], 'north');
    assert.equal(labels?.['node-role.kubernetes.io/edge'], '');
    assert.equal(annotations?.['volumes.kubernetes.io/controller-managed-attach-detach'], 'true');
  });

  test('a node that is deleted is registered again', async () => {
    meta.nodes.clear();
    bed.edged.sink.nodeGone();
    const { metadata } = await bed.until('registered', () => meta.nodes.get('edge-a'));
    assert.equal(metadata.labels?.['kubernetes.io/arch'], status().nodeInfo?.architecture);
  });

  test('a pod that asks for more than the node has is refused, with its reason in status and event', async () => {
    const cores = Number(status().allocatable?.['cpu']);
    meta.putPod(
      pod('giant', {
        containers: [container('main', { resources: { requests: { cpu: String(cores + 1) } } })],
      }),
    );
    await bed.until('refused', () => bed.phaseOf('giant') === 'Failed');
    const { reason, message } = meta.statusOf('giant') ?? {};
    const words = `Node didn't have enough resource: cpu, requested: ${(cores + 1) * 1000}, used: 0, capacity: ${cores * 1000}`;
    assert.deepEqual([reason, message], ['OutOfcpu', `Pod was rejected: ${words}`]);
    await bed.until('event', () => eventsOf('giant').includes('OutOfcpu'));
    assert.deepEqual(eventsOf('giant'), ['OutOfcpu']);
  });

  test('what a pod goes through is told as events, in order', async () => {
    const short = pod('short-lived', { terminationGracePeriodSeconds: 1 });
    meta.putPod(short);
    await bed.until('runs', () => bed.isReady('short-lived'));
    meta.putPod(deleting(short, 1));
    await bed.until('gone', () => meta.deleted.includes('short-lived'));
    const told = eventsOf('short-lived').filter((reason) =>
      ['Created', 'Started', 'Killing'].includes(reason ?? ''),
    );
    assert.deepEqual(told, ['Created', 'Started', 'Killing']);
    meta.removePod(short);
    const started = meta.events.find(
      ({ reason, involvedObject }) => reason === 'Started' && involvedObject.name === 'short-lived',
    );
    assert.equal(started?.involvedObject.fieldPath, 'spec.containers{main}');
    assert.equal(started?.source?.host, 'edge-a');
  });

  test('short of disk, it first removes an image that nobody uses, and ends no pod', async () => {
    await bed.containerd.importImages([
      { names: [UNUSED], files: [{ path: 'ballast', content: randomBytes(16 * Mi) }] },
    ]);
    meta.putPod(pod('important', { priority: 1_000 }));
    await bed.until('runs', () => bed.isReady('important'));
    await fillTo(THRESHOLD - 4 * Mi);
    await bed.until('DiskPressure', () => condition('DiskPressure')?.status === 'True', 15_000);
    await bed.until(
      'image gone',
      async () => (await bed.cri.imageStatus({ image: { image: UNUSED } })).image === undefined,
    );
    await bed.until('no pressure', () => condition('DiskPressure')?.status === 'False', 25_000);
    assert.equal(bed.isReady('important'), true);
    const { images } = await bed.cri.listImages({});
    assert.ok(
      images.some(({ repoTags }) => repoTags.includes('docker.io/library/busybox:1')),
      'the image in use stays',
    );
    assert.ok(
      images.some(({ repoTags }) => repoTags.some((tag) => tag.includes('pause'))),
      'the sandbox image stays',
    );
    assert.ok(eventsOf('edge-a').includes('NodeHasDiskPressure'));
  });

  test('when that is not enough it ends the pod that uses most of what matter least, says why, and recovers', async () => {
    await fillTo(THRESHOLD + 40 * Mi);
    meta.putPod(pod('quiet'));
    await bed.until('runs', () => bed.isReady('quiet'));
    const greedy = container('main', {
      command: ['sh', '-c', 'head -c 60000000 /dev/zero > /data/fill; sleep 600'],
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
    });
    meta.putPod(pod('greedy', { containers: [greedy], volumes: [{ name: 'data', emptyDir: {} }] }));
    await bed.until('evicted', () => meta.statusOf('greedy')?.reason === 'Evicted', 30_000);
    assert.equal(bed.phaseOf('greedy'), 'Failed');
    assert.match(
      meta.statusOf('greedy')?.message ?? '',
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: [\dkM]+, available: \d+Ki\. /,
    );
    assert.equal(
      meta.statusOf('greedy')?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason,
      'TerminationByKubelet',
    );
    await bed.until('told', () => eventsOf('greedy').includes('Evicted'));
    await bed.until('pressure shown', () => eventsOf('edge-a').includes('EvictionThresholdMet'));
    await bed.until(
      'recovered',
      async () => (await available()) > THRESHOLD && condition('DiskPressure')?.status === 'False',
      30_000,
    );
    assert.deepEqual([bed.isReady('quiet'), bed.isReady('important')], [true, true]);
  });

  test('a pod above the size of its volume goes though the disk is far from full', async () => {
    const writer = container('main', {
      command: ['sh', '-c', 'head -c 3000000 /dev/zero > /data/fill; sleep 600'],
      volumeMounts: [{ name: 'cache', mountPath: '/data' }],
    });
    const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }];
    meta.putPod(pod('over-size', { containers: [writer], volumes }));
    await bed.until('evicted', () => meta.statusOf('over-size')?.reason === 'Evicted', 30_000);
    assert.equal(
      meta.statusOf('over-size')?.message,
      'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ',
    );
    assert.deepEqual([bed.isReady('quiet'), bed.isReady('important')], [true, true]);
  });
});
