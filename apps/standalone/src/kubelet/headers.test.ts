import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestHeaders, responseHeaders, rewriteLocation } from './headers.ts';

const flat = (...headers: [string, string][]) => headers.flat();
const client = '192.0.2.7';

test('what is between neighbours stays between them', () => {
  const raw = flat(
    ['Host', 'api:6443'],
    ['Connection', 'keep-alive, X-Private'],
    ['X-Private', '1'],
    ['Keep-Alive', 'timeout=5'],
    ['Expect', '100-continue'],
    ['Upgrade', 'h2c'],
    ['Accept', 'a'],
    ['Accept', 'b'],
  );
  assert.deepEqual(
    requestHeaders(raw, { client, upgrade: false }),
    flat(['Host', 'api:6443'], ['Accept', 'a'], ['Accept', 'b'], ['X-Forwarded-For', client]),
  );
});

test('nothing that proves who the client is goes to a node', () => {
  const raw = flat(
    ['Authorization', 'Bearer x'],
    ['Impersonate-User', 'u'],
    ['impersonate-extra-scopes', 's'],
    ['X-Remote-User', 'u'],
    ['X-Remote-Extra-Scopes', 's'],
    ['X-Forwarded-Uri', '/forged'],
    ['X-Forwarded-For', '198.51.100.1'],
  );
  assert.deepEqual(
    requestHeaders(raw, { client, upgrade: false, uri: '/asked' }),
    flat(['X-Forwarded-For', `198.51.100.1, ${client}`], ['X-Forwarded-Uri', '/asked']),
  );
  assert.deepEqual(
    requestHeaders(raw, { client, upgrade: true }),
    flat(['X-Forwarded-For', `198.51.100.1, ${client}`]),
  );
});

test('an upgrade and a body of unknown length stay what they are', () => {
  const raw = flat(
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Transfer-Encoding', 'chunked'],
    ['Sec-WebSocket-Protocol', 'v5.channel.k8s.io'],
  );
  assert.deepEqual(
    requestHeaders(raw, { client, upgrade: true }),
    flat(
      ['Sec-WebSocket-Protocol', 'v5.channel.k8s.io'],
      ['X-Forwarded-For', client],
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Transfer-Encoding', 'chunked'],
    ),
  );
});

test('an answer loses what is between neighbours and what only this server may allow', () => {
  const raw = flat(
    ['Content-Type', 'text/plain'],
    ['Connection', 'close'],
    ['Transfer-Encoding', 'chunked'],
    ['Access-Control-Allow-Origin', '*'],
    ['Trailer', 'X-Sum'],
    ['Location', '/a'],
  );
  assert.deepEqual(
    responseHeaders(raw, (location) => `/b${location}`),
    flat(['Content-Type', 'text/plain'], ['Trailer', 'X-Sum'], ['Location', '/b/a']),
  );
});

const redirects: readonly [from: string, to: string][] = [
  ['/logs/', '/n/proxy/logs/'],
  ['https://10.0.0.1:10250/logs/?a=b', '/n/proxy/logs/?a=b'],
  ['https://10.0.0.1:10250', '/n/proxy/'],
  ['//api:6443/x', '/n/proxy/x'],
  ['/n/proxy/x', '/n/proxy/x'],
  ['/n/proxyx', '/n/proxy/n/proxyx'],
  ['logs/', 'logs/'],
  ['?a=b', '?a=b'],
  ['https://elsewhere/', 'https://elsewhere/'],
];
for (const [from, to] of redirects) {
  test(`a redirect to ${from} leads the client to ${to}`, () => {
    assert.equal(rewriteLocation(from, { hosts: ['10.0.0.1:10250', 'api:6443'], prefix: '/n/proxy' }), to);
  });
}
