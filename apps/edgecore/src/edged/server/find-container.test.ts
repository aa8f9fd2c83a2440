import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerStatus, Pod } from '@kubeedge-ts/apis';
import { container, pod } from '../testing/pods.ts';
import { findContainer, findPod, loggedRun } from './find-container.ts';

const web = pod('web', { initContainers: [container('init')] });
const status = (fields: Partial<ContainerStatus>): Pod => ({
  ...web,
  status: { containerStatuses: [{ name: 'main', ...fields } as ContainerStatus] },
});

test('a pod is found by namespace and name, and only with its own uid', () => {
  const pods = [pod('other'), web];
  assert.equal(findPod(pods, { namespace: 'default', pod: 'web' }), web);
  assert.equal(findPod(pods, { namespace: 'default', pod: 'web', uid: web.metadata.uid ?? '' }), web);
  assert.throws(() => findPod(pods, { namespace: 'default', pod: 'web', uid: 'x' }), {
    details: { status: 404, problem: 'pod "web" with uid x not found' },
  });
  assert.throws(() => findPod(pods, { namespace: 'kube-system', pod: 'web' }), /pod "web" does not exist/);
});

test('a container of any kind is found', () => {
  assert.equal(findContainer(web, 'init').name, 'init');
  assert.throws(() => findContainer(web, 'none'), /container "none" not found in pod "web"/);
});

describe('the run whose log is asked for', () => {
  const terminated = (id: string) => ({ terminated: { exitCode: 1, containerID: id } });
  const cases: [string, Partial<ContainerStatus>, boolean, string | RegExp][] = [
    ['running', { state: { running: {} }, containerID: 'containerd://now' }, false, 'now'],
    ['ended', { state: terminated('containerd://now') }, false, 'now'],
    [
      'ended, the next did not start',
      { state: terminated(''), lastState: terminated('containerd://then') },
      false,
      'then',
    ],
    [
      'waiting to run again',
      { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: terminated('c://then') },
      false,
      'then',
    ],
    [
      'previous of a running one',
      { state: { running: {} }, containerID: 'c://now', lastState: terminated('c://then') },
      true,
      'then',
    ],
    [
      'previous of the first',
      { state: { running: {} }, containerID: 'c://now', lastState: {} },
      true,
      /^previous terminated container "main" in pod "web" not found$/,
    ],
    [
      'pulling',
      { state: { waiting: { reason: 'ErrImagePull' } } },
      false,
      /is waiting to start: image can't be pulled$/,
    ],
    [
      'backing off',
      { state: { waiting: { reason: 'ImagePullBackOff' } } },
      false,
      /: trying and failing to pull image$/,
    ],
    [
      'creating',
      { state: { waiting: { reason: 'ContainerCreating' } } },
      false,
      /^container "main" in pod "web" is waiting to start: ContainerCreating$/,
    ],
    ['unknown', {}, false, /is waiting to start - no logs yet$/],
    ['lost without an id', { state: terminated('') }, false, /is terminated$/],
  ];
  for (const [name, fields, previous, wanted] of cases) {
    test(name, () => {
      if (typeof wanted === 'string') assert.equal(loggedRun(status(fields), 'main', previous), wanted);
      else
        assert.throws(
          () => loggedRun(status(fields), 'main', previous),
          (error: Error) =>
            wanted.test(error.message) &&
            (error as Error & { details: { status: number } }).details.status === 400,
        );
    });
  }
  test('no status yet', () => {
    assert.throws(() => loggedRun(web, 'main', false), /is not available/);
  });
});
