import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import type { ContainerUsage, PodUsage } from '../stats/pod-usage.ts';
import { container, pod } from '../testing/pods.ts';
import { hasStorageLimits, storageExcess } from './local-storage.ts';
import { evictionMessage } from './message.ts';
import { rankForEviction } from './rank.ts';
import type { Signal } from './signals.ts';

const Mi = 2 ** 20;
const disk = (bytes: number, inodes = 0) => ({ bytes, inodes });
const used = (fields: Partial<PodUsage> & { main?: ContainerUsage } = {}): PodUsage => {
  const { main = {}, ...rest } = fields;
  return { containers: new Map([['main', main]]), volumes: new Map(), ...rest };
};
const asking = (name: string, requests: Record<string, string>, priority?: number): Pod =>
  pod(name, {
    containers: [container('main', { resources: { requests } })],
    ...(priority === undefined ? {} : { priority }),
  });

describe('the pod that goes first', () => {
  const rank = (
    signal: Signal,
    entries: readonly (readonly [Pod, PodUsage | undefined])[],
    dedicated = false,
  ) => {
    const usages = new Map(
      entries.flatMap(([subject, usage]) =>
        usage === undefined ? [] : [[subject.metadata.uid ?? '', usage] as const],
      ),
    );
    const pods = entries.map(([subject]) => subject);
    return rankForEviction(signal, pods, usages, dedicated).map(({ metadata }) => metadata.name);
  };
  const memory = (bytes: number) => used({ memoryWorkingSetBytes: bytes });

  test('for memory: above its request, then of low priority, then furthest above it', () => {
    assert.deepEqual(
      rank('memory.available', [
        [asking('modest', { memory: '100Mi' }, -5), memory(99 * Mi)],
        [asking('important', { memory: '1Mi' }, 10), memory(500 * Mi)],
        [asking('over', { memory: '100Mi' }), memory(120 * Mi)],
        [asking('far-over', { memory: '10Mi' }), memory(80 * Mi)],
        [asking('nearly', { memory: '100Mi' }, -5), memory(100 * Mi)],
      ]),
      ['far-over', 'over', 'important', 'nearly', 'modest'],
    );
  });

  test('one that cannot be measured goes before all others', () => {
    const entries = [
      [pod('seen'), memory(900 * Mi)],
      [asking('unseen', {}, 1_000), undefined],
    ] as const;
    assert.deepEqual(rank('memory.available', entries), ['unseen', 'seen']);
    assert.deepEqual(rank('nodefs.available', entries), ['unseen', 'seen']);
  });

  test('for process ids: of low priority, then the one with most of them, whatever it asked for', () => {
    assert.deepEqual(
      rank('pid.available', [
        [asking('few', {}), used({ processes: 3 })],
        [asking('many', {}), used({ processes: 4_000 })],
        [asking('important', {}, 5), used({ processes: 9_000 })],
      ]),
      ['many', 'few', 'important'],
    );
  });

  const volumes = (name: string, source: object): Pod => pod(name, { volumes: [{ name: 'v', ...source }] });
  const inVolume = (bytes: number) => used({ volumes: new Map([['v', disk(bytes, 1)]]) });

  test('for disk: root file systems, logs and local volumes count, memory volumes and tokens do not', () => {
    assert.deepEqual(
      rank('nodefs.available', [
        [volumes('in-memory', { emptyDir: { medium: 'Memory' } }), inVolume(900)],
        [volumes('empty-dir', { emptyDir: {} }), inVolume(300)],
        [volumes('host-path', { hostPath: { path: '/x' } }), inVolume(200)],
        [asking('layers', {}), used({ main: { rootfs: disk(300), logs: disk(250) } })],
        [asking('asked', { 'ephemeral-storage': '1000' }), used({ main: { rootfs: disk(900) } })],
      ]),
      ['layers', 'empty-dir', 'host-path', 'in-memory', 'asked'],
    );
  });

  test('for the disk of images: only what containers wrote; for that of the node then only logs and volumes', () => {
    const entries = [
      [asking('layers', {}), used({ main: { rootfs: disk(500), logs: disk(1) } })],
      [asking('logs', {}), used({ main: { rootfs: disk(1), logs: disk(400) } })],
    ] as const;
    assert.deepEqual(rank('imagefs.available', entries, true), ['layers', 'logs']);
    assert.deepEqual(rank('nodefs.available', entries, true), ['logs', 'layers']);
    assert.deepEqual(rank('imagefs.available', entries, false), ['layers', 'logs']);
  });

  test('for inodes: the one with most of them', () => {
    assert.deepEqual(
      rank('nodefs.inodesFree', [
        [volumes('big', { emptyDir: {} }), used({ volumes: new Map([['v', disk(10 ** 9, 2)]]) })],
        [volumes('many', { emptyDir: {} }), used({ volumes: new Map([['v', disk(10, 30_000)]]) })],
      ]),
      ['many', 'big'],
    );
  });
});

describe('the message of an eviction', () => {
  const subject = pod('web', {
    containers: [
      container('main', { resources: { requests: { memory: '0.5Gi' } } }),
      container('side'),
      container('small', { resources: { requests: { memory: '64Mi' } } }),
    ],
  });
  const usage: PodUsage = {
    volumes: new Map(),
    containers: new Map([
      ['main', { memoryWorkingSetBytes: 600 * Mi, rootfs: disk(3 * Mi), logs: disk(Mi) }],
      ['side', { memoryWorkingSetBytes: 1_000 }],
      ['small', { memoryWorkingSetBytes: Mi }],
    ]),
  };
  const threshold = (signal: Signal, value: string) => [{ signal, value, graceMs: 0 }];

  test('names the threshold, what is left, and the containers above their request', () => {
    const observations = new Map([
      ['memory.available', { available: 52_428_800, capacity: 4096 * Mi }] as const,
    ]);
    assert.equal(
      evictionMessage('memory', subject, usage, threshold('memory.available', '100Mi'), observations),
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
        'Container main was using 600Mi, request is 512Mi, has larger consumption of memory. ' +
        'Container side was using 1000, request is 0, has larger consumption of memory. ',
    );
  });
  test('of disk counts layers and logs', () => {
    const observations = new Map([['nodefs.available', { available: 3000, capacity: 100_000 }] as const]);
    assert.equal(
      evictionMessage(
        'ephemeral-storage',
        subject,
        usage,
        threshold('nodefs.available', '10%'),
        observations,
      ),
      'The node was low on resource: ephemeral-storage. Threshold quantity: 10000, available: 3000. ' +
        'Container main was using 4Mi, request is 0, has larger consumption of ephemeral-storage. ',
    );
  });
  test('of inodes and process ids names no container', () => {
    const observations = new Map([['pid.available', { available: 12_000, capacity: 32_768 }] as const]);
    assert.equal(
      evictionMessage('pids', subject, usage, threshold('pid.available', '20k'), observations),
      'The node was low on resource: pids. Threshold quantity: 20k, available: 12k. ',
    );
    assert.equal(
      evictionMessage('inodes', subject, undefined, [], new Map()),
      'The node was low on resource: inodes. ',
    );
  });
});

describe('a pod above its own limits of local storage goes', () => {
  const limited = (limit: string) =>
    pod('web', {
      containers: [container('main', { resources: { limits: { 'ephemeral-storage': limit } } })],
    });
  const withDir = (emptyDir: object) => pod('web', { volumes: [{ name: 'cache', emptyDir }] });
  const inDir = (bytes: number) => used({ volumes: new Map([['cache', disk(bytes)]]) });

  const cases: [string, Pod, PodUsage, string | undefined][] = [
    [
      'an emptyDir above its size',
      withDir({ sizeLimit: '1Mi' }),
      inDir(Mi + 1),
      'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ',
    ],
    ['an emptyDir of its size', withDir({ sizeLimit: '1Mi' }), inDir(Mi), undefined],
    ['an emptyDir without one', withDir({}), inDir(10 ** 12), undefined],
    ['a limit of zero is none', withDir({ sizeLimit: '0' }), inDir(10 ** 12), undefined],
    [
      'the pod as a whole',
      limited('2Gi'),
      used({ ephemeralStorage: disk(2049 * Mi) }),
      'Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. ',
    ],
    [
      'one container',
      limited('1M'),
      used({ main: { logs: disk(600_000), rootfs: disk(400_001) } }),
      'Container main exceeded its local ephemeral storage limit "1M". ',
    ],
    [
      'within its limits',
      limited('1M'),
      used({ main: { logs: disk(600_000), rootfs: disk(400_000) } }),
      undefined,
    ],
    ['not measured yet', limited('1M'), used(), undefined],
  ];
  for (const [name, subject, usage, expected] of cases) {
    test(name, () => assert.equal(storageExcess(subject, usage, false), expected));
  }
  test('layers on a disk of their own do not count for a container', () => {
    const usage = used({ main: { logs: disk(1), rootfs: disk(10 ** 9) } });
    assert.equal(storageExcess(limited('1M'), usage, true), undefined);
  });
  test('pods that nothing limits need not be measured', () => {
    assert.deepEqual(
      [limited('1M'), withDir({ sizeLimit: '1' }), withDir({}), pod('web')].map(hasStorageLimits),
      [true, true, false, false],
    );
  });
});
