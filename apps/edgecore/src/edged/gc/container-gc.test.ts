import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Container, ContainerState, type PodSandbox, PodSandboxState } from '@kubeedge-ts/cri';
import { criErrors } from '@kubeedge-ts/errors';
import { silentLogger } from '@kubeedge-ts/runtime';
import { createManualClock, type ManualClock, until } from '../../edgehub/testing/manual-clock.ts';
import { type ContainerGc, createContainerGc } from './container-gc.ts';
import { type DeadContainer, surplusOf } from './dead-containers.ts';

let dir: string;
let clock: ManualClock;
let containers: Container[];
let sandboxes: PodSandbox[];
let states: Record<string, 'active' | 'ended' | 'unknown'>;
let calls: string[];
let told: string[];
let broken: boolean;
let stopping: AbortController;
let running: Promise<void>;

const labels = (pod: string): Record<string, string> => ({
  'io.kubernetes.pod.name': pod,
  'io.kubernetes.pod.namespace': 'default',
  'io.kubernetes.pod.uid': `uid-${pod}`,
  'io.kubernetes.container.name': 'main',
});
const run = (pod: string, id: string, state: ContainerState, attempt = 0): Container => ({
  id,
  podSandboxId: `s-${pod}`,
  metadata: { name: 'main', attempt },
  imageRef: '',
  imageId: '',
  state,
  createdAt: (clock.now() - 1_000 + attempt) * 1e6,
  labels: labels(pod),
  annotations: {},
});
const sandbox = (pod: string, id: string, ready: boolean, createdAt = 1): PodSandbox => ({
  id,
  state: ready ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY,
  createdAt,
  labels: labels(pod),
  annotations: {},
  runtimeHandler: '',
});
const { CONTAINER_EXITED: EXITED, CONTAINER_RUNNING: RUNNING } = ContainerState;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kets-container-gc-'));
  clock = createManualClock();
  containers = [];
  sandboxes = [];
  states = {};
  calls = [];
  told = [];
  broken = false;
  stopping = new AbortController();
  running = Promise.resolve();
});
afterEach(async () => {
  stopping.abort(new Error('done'));
  await running;
  await rm(dir, { recursive: true, force: true });
});

function start(maxDeadContainers = -1): ContainerGc {
  const gc = createContainerGc({
    cri: {
      async listContainers() {
        if (broken)
          throw criErrors.create('CRI_FAILED', { method: 'ListContainers', grpcCode: 13, problem: 'broken' });
        return { containers };
      },
      listPodSandbox: async () => ({ items: sandboxes }),
      async removeContainer({ containerId = '' }) {
        calls.push(`remove ${containerId}`);
        if (containerId === 'vanished')
          throw criErrors.create('CRI_NOT_FOUND', { method: 'RemoveContainer', problem: '' });
        return {};
      },
      async stopPodSandbox({ podSandboxId = '' }) {
        calls.push(`stop ${podSandboxId}`);
        return {};
      },
      async removePodSandbox({ podSandboxId = '' }) {
        calls.push(`remove ${podSandboxId}`);
        return {};
      },
    },
    config: { podLogsDir: join(dir, 'pods'), maxDeadContainers, minimumGcAgeMs: 0, containerGcMs: 60_000 },
    logs: {
      removeRun: async ({ metadata }, name, attempt) =>
        void calls.push(`log ${metadata.name}/${name}/${attempt}`),
    },
    stateOf: (uid) => states[uid.replace('uid-', '')] ?? 'active',
    removeLeftovers: async () => void calls.push('leftovers'),
    events: { node: (type, reason) => void told.push(`${type} ${reason}`) },
    clock,
    log: silentLogger,
  });
  running = gc.run(stopping.signal);
  return gc;
}
const minute = async (): Promise<void> => {
  await asleep();
  clock.advance(60_000);
  await asleep();
};
const asleep = (): Promise<void> => until(() => clock.pending > 0, 'the collector to sleep');

describe('container collection', () => {
  test('each minute removes sandboxes that are over, but not the last of a pod', async () => {
    sandboxes = [
      sandbox('web', 'old', false, 1),
      sandbox('web', 'older', false, 0),
      sandbox('web', 'now', true, 2),
      sandbox('done', 'last', false),
    ];
    states = { done: 'ended' };
    start();
    await minute();
    assert.deepEqual(calls, ['stop old', 'remove old', 'stop older', 'remove older', 'leftovers']);
  });

  test('leaves containers of ended pods for their logs, until the disk is short', async () => {
    containers = [
      run('done', 'c-1', EXITED, 3),
      run('web', 'c-2', EXITED),
      run('web', 'c-3', RUNNING),
      run('done', 'vanished', EXITED),
    ];
    sandboxes = [sandbox('done', 's-done', false), sandbox('web', 's-web', true)];
    states = { done: 'ended' };
    const gc = start();
    await minute();
    assert.deepEqual(calls, ['leftovers']);
    calls.length = 0;
    await gc.removeAllDead(stopping.signal);
    assert.deepEqual(calls, [
      'remove c-1',
      'log done/main/3',
      'remove vanished',
      'log done/main/0',
      'stop s-done',
      'remove s-done',
    ]);
  });

  test('touches nothing of pods that are not known yet, and nothing that is not a pod', async () => {
    states = { web: 'unknown' };
    containers = [run('web', 'c-1', EXITED), { ...run('x', 'foreign', EXITED), labels: {} }];
    sandboxes = [
      sandbox('web', 'a', false, 1),
      sandbox('web', 'b', false, 2),
      { ...sandbox('x', 'c', false), labels: {} },
    ];
    const gc = start(0);
    await gc.removeAllDead(stopping.signal);
    assert.deepEqual(calls, []);
  });

  test('keeps as many ended containers as the node may have', async () => {
    containers = [run('a', 'a-0', EXITED, 0), run('a', 'a-1', EXITED, 1), run('b', 'b-0', EXITED, 2)];
    start(2);
    await minute();
    assert.deepEqual(calls, ['remove a-0', 'log a/main/0', 'leftovers']);
  });

  test('removes links to logs that are gone, unless the container runs and its log is being rotated', async () => {
    const links = join(dir, 'containers');
    await mkdir(links);
    await mkdir(join(dir, 'pods'));
    await writeFile(join(dir, 'pods/there.log'), '');
    const id = (digit: string): string => digit.repeat(64);
    const link = (digit: string, target: string) =>
      symlink(target, join(links, `web_default_main-${id(digit)}.log`));
    await link('1', join(dir, 'pods/gone.log'));
    await link('2', join(dir, 'pods/there.log'));
    await link('3', join(dir, 'pods/rotating.log'));
    await link('4', '/somewhere/else.log');
    containers = [run('web', id('3'), RUNNING)];
    start();
    await minute();
    assert.deepEqual(
      (await readdir(links)).map((name) => name.at(-5)),
      ['2', '3', '4'],
    );
  });

  test('that fails is told, and tried again', async () => {
    broken = true;
    start();
    await minute();
    assert.deepEqual(told, ['Warning ContainerGCFailed']);
    broken = false;
    await minute();
    assert.deepEqual(calls, ['leftovers']);
  });
});

describe('ended containers beyond the limit of the node', () => {
  const dead = (name: string, createdAt: number): DeadContainer => ({
    id: `${name}-${createdAt}`,
    podUid: 'u',
    name,
    attempt: 0,
    createdAt,
  });
  const ids = (list: readonly DeadContainer[]) => list.map(({ id }) => id);
  const all = [dead('a', 1), dead('a', 2), dead('a', 3), dead('b', 4), dead('c', 5)];

  test('none without a limit, or within it', () => {
    assert.deepEqual([ids(surplusOf(all, -1)), ids(surplusOf(all, 5))], [[], []]);
  });
  test('first those of a container that has more than its share', () => {
    assert.deepEqual(ids(surplusOf(all, 4)), ['a-2', 'a-1']);
  });
  test('then the oldest', () => {
    assert.deepEqual(ids(surplusOf(all, 2)), ['a-3', 'a-2', 'a-1']);
    assert.deepEqual(ids(surplusOf(all, 0)), ['c-5', 'b-4', 'a-3', 'a-2', 'a-1']);
  });
});
