import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { container } from '../testing/pods.ts';
import { run, sandbox } from '../testing/states.ts';
import { targetIdOf } from './namespaces.ts';

test('an ephemeral container sees the processes of the newest run of its target', () => {
  const runtime = { sandboxes: [sandbox()], containers: [run('web', { restartCount: 1 }), run('web')] };
  const of = (targetContainerName?: string) =>
    targetIdOf({ ...container('debug'), targetContainerName } as never, runtime);
  assert.equal(of(), undefined);
  assert.equal(of(''), undefined);
  assert.equal(of('web'), 'web-1');
  assert.throws(
    () => of('none'),
    (error) =>
      isKubeEdgeError(error, 'EDGED_CONTAINER_CONFIG') &&
      error.message === 'unable to find target container none',
  );
});
