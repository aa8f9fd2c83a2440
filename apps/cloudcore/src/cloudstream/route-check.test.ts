import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Node, nodes } from '@kubeedge-ts/apis';
import type { KubeClient } from '@kubeedge-ts/kube';
import { createFakeKube, createVirtualClock } from '@kubeedge-ts/kube/testing';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { ROUTE_ANNOTATION } from '../controllers/kubelet-endpoint.ts';
import { until } from '../controllers/testing/settle.ts';
import { createRouteCheck, verdictOn } from './route-check.ts';

const status = (code: number, message: string) =>
  JSON.stringify({ kind: 'Status', status: 'Failure', code, message });

test('what the API server’s proxy answers says whether it reached the kubelet', () => {
  assert.deepEqual(verdictOn(200, 'ok'), { ok: true, text: 'ok' });
  const unreachable = 'error trying to reach service: dial tcp 192.0.2.1:20000: i/o timeout';
  assert.deepEqual(verdictOn(503, status(503, unreachable)), { ok: false, text: unreachable });
  assert.equal(verdictOn(502, 'node edge-a has no tunnel to this cloudcore\n').ok, false);
  assert.equal(verdictOn(401, 'Unauthorized').text, '401 Unauthorized');
  assert.equal(verdictOn(403, 'Forbidden (user=apiserver, …)').ok, false, 'that was us');
  assert.match(verdictOn(403, status(403, 'nodes "edge-a" is forbidden')).text, /not checked/);
  const sick = verdictOn(500, '[-]syncloop failed: not run for 3m');
  assert.equal(sick.ok, true);
  assert.match(sick.text, /not well/);
  for (const body of ['null', '[]', '7', '{', '{"kind":"Status"}']) verdictOn(500, body);
});

async function world(t: TestContext) {
  const clock = createVirtualClock();
  const fake = createFakeKube({ clock });
  fake.put<Node>(nodes, { metadata: { name: 'edge-a' } });
  const state = { status: 200, body: 'ok', asked: [] as string[], connected: true };
  const kube: KubeClient = {
    ...fake,
    async request({ path }) {
      state.asked.push(path);
      return { status: state.status, headers: {}, body: Buffer.from(state.body) };
    },
  };
  const node = () => fake.objects(nodes)[0];
  const check = createRouteCheck({
    kube,
    nodeOf: node,
    isConnected: () => state.connected,
    how: () => 'address: because; certificate: one',
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
  t.after(() => check.stop());
  return {
    clock,
    state,
    check,
    text: () => node()?.metadata.annotations?.[ROUTE_ANNOTATION],
    patches: () => fake.calls.filter(({ verb }) => verb === 'patch').length,
  };
}

const ENDPOINT = { address: '192.0.2.1', port: 20_001 };

test('the Node says that the way works, where it leads, and why', async (t) => {
  const w = await world(t);
  w.check.check('edge-a', ENDPOINT);
  await until(w.text, 'written');
  assert.equal(
    w.text(),
    'ok: the API server reaches this node at 192.0.2.1:20001; address: because; certificate: one',
  );
  assert.deepEqual(w.state.asked, ['/api/v1/nodes/edge-a/proxy/healthz']);
});

test('a way that does not work is tried again, more and more rarely, and written down when that changes', async (t) => {
  const w = await world(t);
  Object.assign(w.state, { status: 503, body: status(503, 'no route to host') });
  w.check.check('edge-a', ENDPOINT);
  await until(w.text, 'written');
  assert.match(w.text() ?? '', /^failed: no route to host; the API server tried 192\.0\.2\.1:20001; /);
  await w.clock.advance(3_600_000);
  assert.ok(w.state.asked.length > 10 && w.state.asked.length < 40, `${w.state.asked.length} in an hour`);
  assert.equal(w.patches(), 1, 'the same is not written again');
  Object.assign(w.state, { status: 200, body: 'ok' });
  w.check.again();
  await until(() => w.text()?.startsWith('ok: '), 'written anew');
});

test('a node that is away is not asked for', async (t) => {
  const w = await world(t);
  w.state.connected = false;
  w.check.check('edge-a', ENDPOINT);
  await w.clock.advance(60_000);
  assert.deepEqual(w.state.asked, []);
});
