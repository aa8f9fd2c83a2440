import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { edgecoreErrors, isKubeEdgeError } from '@kubeedge-ts/errors';
import { pod } from '../testing/pods.ts';
import { runtimeHandlerOf } from './runtime-class.ts';

type Meta = Parameters<typeof runtimeHandlerOf>[1];
const asking = pod('web', { runtimeClassName: 'kata' }, { uid: 'u' });
const of = (object: object | undefined, it = asking) =>
  runtimeHandlerOf(it, { getObject: async () => object } as unknown as Meta);

describe('the handler of a RuntimeClass', () => {
  test('is what the class says; empty without one', async () => {
    assert.equal(await of({ metadata: { name: 'kata' }, handler: 'kata-qemu' }), 'kata-qemu');
    assert.equal(await of({ spec: { runtimeHandler: 'kata-old' } }), 'kata-old');
    for (const odd of [{}, { handler: 7 }, { spec: null }]) assert.equal(await of(odd), '');
    assert.equal(await of(undefined, pod('x')), '');
  });
  test('a class that is not there', async () => {
    await assert.rejects(of(undefined), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGED_POD_CONFIG'));
      assert.equal(
        error.details['problem'],
        'Failed to create sandbox for pod "web_default(u)": runtimeclass.node.k8s.io "kata" not found',
      );
      assert.equal(error.details['reason'], 'FailedCreatePodSandBox');
      return true;
    });
  });
  test('a cloud that cannot answer and never did', async () => {
    const failing = {
      getObject: async () => {
        throw edgecoreErrors.create('EDGE_REMOTE_FAILED', {
          operation: 'query',
          resource: 'x',
          problem: 'away',
        });
      },
    } as unknown as Meta;
    await assert.rejects(runtimeHandlerOf(asking, failing), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGED_POD_CONFIG'));
      assert.match(String(error.details['problem']), /failed to lookup RuntimeClass kata$/);
      return true;
    });
  });
});
