import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import { seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { memoryMeta } from '../../testing/memory-meta.ts';
import { createNodeIds, nodeIdPatch } from './node-ids.ts';

const KEY = 'csi.volume.kubernetes.io/nodeid';
const at = (nodeId: string, topology: Record<string, string> = {}) => ({ nodeId, topology });

test('ids are added to those of other drivers, changed and taken away; labels say where the node is', () => {
  const before = { annotations: { [KEY]: '{"b":"2"}' }, labels: { zone: 'old' } };
  const patch = (drivers: [string, ReturnType<typeof at> | undefined][], node = before) =>
    nodeIdPatch(node, new Map(drivers));
  assert.deepEqual(patch([['a', at('1', { zone: 'z1' })]]), {
    annotations: { [KEY]: '{"a":"1","b":"2"}' },
    labels: { zone: 'z1' },
  });
  assert.equal(patch([['b', at('2', { zone: 'old' })]]), undefined);
  assert.deepEqual(patch([['b', undefined]]), { annotations: { [KEY]: null } });
  assert.equal(patch([['c', undefined]]), undefined);
  const broken = { annotations: { [KEY]: '[1]' }, labels: {} as { zone: string } };
  assert.deepEqual(patch([['a', at('1')]], broken), { annotations: { [KEY]: '{"a":"1"}' } });
});

test('a cloud that is away is told when it is back', async () => {
  const meta = memoryMeta();
  meta.nodes.set('edge-a', { metadata: { name: 'edge-a' } });
  const told = Promise.withResolvers<object>();
  let away = true;
  meta.patchNode = async (_name, patch) => {
    if (away) throw edgecoreErrors.create('EDGE_DISCONNECTED', { operation: 'patch', resource: 'node' });
    told.resolve(patch);
  };
  const ids = createNodeIds({
    nodeName: 'edge-a',
    meta,
    clock: systemClock,
    random: seededRandom(1),
    log: silentLogger,
  });
  const abort = new AbortController();
  const running = ids.run(abort.signal);
  ids.set('a', at('1'));
  await new Promise((resolve) => setImmediate(resolve));
  away = false;
  ids.poke();
  assert.deepEqual(await told.promise, { metadata: { annotations: { [KEY]: '{"a":"1"}' } } });
  abort.abort();
  await running;
});
