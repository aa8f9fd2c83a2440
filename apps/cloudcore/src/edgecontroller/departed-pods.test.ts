import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDepartedPods } from './departed-pods.ts';

function world() {
  let now = 0;
  const departed = createDepartedPods({ monotonic: () => now });
  const pod = (name: string, uid = `uid-${name}`) => ({ namespace: 'shop', name, uid });
  const add = (name: string, node = 'edge-a'): void =>
    departed.add({ metadata: pod(name), spec: { nodeName: node } });
  return {
    departed,
    add,
    pod,
    advance: (ms: number): void => {
      now += ms;
    },
  };
}

test('a pod that is gone is remembered for its node, by UID where one is named, for an hour', () => {
  const { departed, add, pod, advance } = world();
  add('till');
  assert.equal(departed.has('edge-a', pod('till')), true);
  assert.equal(departed.has('edge-a', { namespace: 'shop', name: 'till' }), true);
  assert.equal(departed.has('edge-a', pod('till', 'another')), false);
  assert.equal(departed.has('edge-a', { namespace: 'other', name: 'till', uid: 'uid-till' }), false);
  assert.equal(departed.has('edge-b', pod('till')), false);
  advance(3_600_001);
  assert.equal(departed.has('edge-a', pod('till')), false);
});

test('512 of a node are remembered, the earliest are forgotten first', () => {
  const { departed, add, pod } = world();
  for (let index = 0; index < 600; index++) add(`p${index}`);
  assert.equal(departed.has('edge-a', pod('p87')), false);
  assert.equal(departed.has('edge-a', pod('p88')), true);
  departed.forget('edge-a');
  assert.equal(departed.has('edge-a', pod('p599')), false);
});

test('a pod that was bound to no node is nobody’s', () => {
  const { departed } = world();
  departed.add({ metadata: { name: 'x', namespace: 'shop', uid: 'u' } });
  assert.equal(departed.has('', { namespace: 'shop', name: 'x', uid: 'u' }), false);
});
