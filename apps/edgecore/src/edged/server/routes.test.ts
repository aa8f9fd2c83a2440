import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isLoopbackHost } from './host-header.ts';
import { admitCaller, matchRoute, ROUTES } from './routes.ts';
import { reduceOffer } from './subprotocols.ts';

describe('the routes of the kubelet endpoint', () => {
  test('each says who may call it and why', () => {
    for (const { path, identity, why } of ROUTES) {
      assert.ok(identity === 'none' || identity === 'cloud', `${path} has no identity`);
      assert.ok(why.length > 10, `${path} has no reason`);
    }
  });

  test('what is open to anyone on loopback is this and nothing else', () => {
    const paths = ROUTES.filter(({ identity }) => identity === 'none').map(({ path }) => path);
    assert.deepEqual(paths, [
      '/healthz',
      '/healthz/:check',
      '/pods',
      '/runningpods',
      '/configz',
      '/stats/summary',
      '/metrics',
      '/metrics/resource',
      '/metrics/cadvisor',
      '/metrics/probes',
    ]);
  });

  test('a request finds its route and parameters, a slash at the end or not', () => {
    const match = matchRoute('POST', '/exec/ns/pod/uid-1/c%20d');
    assert.ok('route' in match);
    assert.equal(match.route.name, 'exec');
    assert.deepEqual(match.params, { namespace: 'ns', pod: 'pod', uid: 'uid-1', container: 'c d' });
    const running = matchRoute('GET', '/runningpods/');
    assert.ok('route' in running && running.route.name === 'runningPods');
    const forward = matchRoute('POST', '/portForward/ns/pod');
    assert.ok('route' in forward && forward.params['uid'] === undefined);
  });

  test('unknown paths are 404, unknown methods 405 with what is allowed, broken encodings 400', () => {
    for (const path of [
      '/',
      '',
      '/exec',
      '/exec//pod/c',
      '/exec/ns/pod',
      '/logs/',
      '/debug/pprof/',
      '/healthz/a/b',
      '/__proto__',
      '//',
      `/exec${'/a'.repeat(99)}`,
    ]) {
      assert.deepEqual(matchRoute('GET', path), { status: 404 }, path);
    }
    assert.deepEqual(matchRoute('DELETE', '/run/ns/pod/c'), { status: 405, allow: ['POST'] });
    assert.deepEqual(matchRoute('GET', '/run/ns/pod/c'), { status: 405, allow: ['POST'] });
    assert.deepEqual(matchRoute('GET', '/exec/ns/pod/%E0%A4%A'), { status: 400 });
  });
});

describe('who may call', () => {
  test('absent from the configuration: the cloud everything, loopback what is open', () => {
    for (const route of ROUTES) {
      assert.equal(admitCaller(route, 'cloud', undefined).ok, true);
      assert.equal(admitCaller(route, 'loopback', undefined).ok, route.identity === 'none', route.path);
    }
  });

  test('asked for with true: upstream’s openness', () => {
    for (const route of ROUTES) assert.equal(admitCaller(route, 'loopback', true).ok, true);
  });

  test('switched off with false: closed for everyone, in upstream’s words', () => {
    for (const route of ROUTES) {
      for (const caller of ['cloud', 'loopback'] as const) {
        const verdict = admitCaller(route, caller, false);
        assert.equal(verdict.ok, !route.debugging, route.path);
        if (!verdict.ok)
          assert.deepEqual([verdict.status, verdict.why], [405, 'Debug endpoints are disabled.']);
      }
    }
  });
});

test('a request is meant for loopback when it names loopback', () => {
  for (const host of [
    undefined,
    'localhost',
    'localhost:10350',
    'LOCALHOST:1',
    '127.0.0.1:10350',
    '127.8.8.8',
    '[::1]:10350',
    '[::1]',
  ]) {
    assert.equal(isLoopbackHost(host), true, `${host}`);
  }
  for (const host of [
    '',
    'evil.test',
    'evil.test:10350',
    '127.0.0.1.evil.test',
    'localhost.evil.test:10350',
    '192.0.2.1',
    '[::2]:1',
    '127.0.0.1@evil.test',
    'localhost:x',
  ]) {
    assert.equal(isLoopbackHost(host), false, host);
  }
});

test('an offer of WebSocket protocols is reduced to what the runtime speaks', () => {
  assert.equal(reduceOffer('exec', 'v5.channel.k8s.io'), undefined);
  assert.equal(
    reduceOffer('exec', 'v5.channel.k8s.io, v4.channel.k8s.io,channel.k8s.io'),
    'v4.channel.k8s.io, channel.k8s.io',
  );
  assert.equal(reduceOffer('portForward', 'SPDY/3.1+portforward.k8s.io'), undefined);
  assert.equal(reduceOffer('portForward', 'channel.k8s.io, v4.channel.k8s.io'), 'v4.channel.k8s.io');
  assert.equal(reduceOffer('attach', ''), undefined);
});
