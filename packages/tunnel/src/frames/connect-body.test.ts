import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import type { ConnectType, KubeletRequest } from '../types.ts';
import { decodeConnectBody, encodeConnectBody, MAX_CONNECT_BODY_BYTES } from './connect-body.ts';

const invalid = (error: unknown): boolean => isKubeEdgeError(error, 'TUNNEL_REQUEST_INVALID');
const request = (changes: Partial<KubeletRequest> = {}): KubeletRequest => ({
  method: 'GET',
  path: '/containerLogs/ns/pod/c?follow=true',
  headers: { 'User-Agent': ['kubectl'] },
  ...changes,
});
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const url = { Path: '/stats/summary', RawPath: '', RawQuery: '' };

describe('the body of a connect frame', () => {
  test('has the form Go gives it', () => {
    assert.deepEqual(JSON.parse(encodeConnectBody(7, 'logs', request()).toString()), {
      MessID: 7,
      url: {
        Scheme: 'http',
        Opaque: '',
        User: null,
        Host: '127.0.0.1:10350',
        Path: '/containerLogs/ns/pod/c',
        RawPath: '',
        OmitHost: false,
        ForceQuery: false,
        RawQuery: 'follow=true',
        Fragment: '',
        RawFragment: '',
      },
      header: { 'User-Agent': ['kubectl'] },
    });
    const exec = JSON.parse(encodeConnectBody(1, 'exec', request({ method: 'POST' })).toString());
    assert.equal(exec.method, 'POST');
    assert.equal(JSON.parse(encodeConnectBody(1, 'attach', request()).toString()).method, 'GET');
  });

  test('tells the path decoded, and as it was written where that could not be had from it', () => {
    const cases: [written: string, path: string, rawPath: string][] = [
      ['/a/b%20c', '/a/b c', ''],
      ['/a%2Fb', '/a/b', '/a%2Fb'],
      ["/a'(b)", "/a'(b)", "/a'(b)"],
      ['/a%27', "/a'", ''],
      ['/$&+,:;=@', '/$&+,:;=@', ''],
      ['/%C3%A4', '/ä', ''],
      ['/%c3%a4', '/ä', '/%c3%a4'],
      ['/%3F', '/?', ''],
    ];
    for (const [written, path, rawPath] of cases) {
      const body = JSON.parse(encodeConnectBody(1, 'logs', request({ path: written })).toString());
      assert.deepEqual([body.url.Path, body.url.RawPath], [path, rawPath], written);
    }
  });

  test('is read back as the request it was made from', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9-]{1,12}$/);
    const segment = fc.string({ unit: 'grapheme', maxLength: 12 }).map(encodeURIComponent);
    const query = fc.option(fc.stringMatching(/^[\w=&%+.~-]{0,30}$/), { nil: undefined });
    fc.assert(
      fc.property(
        fc.array(segment, { maxLength: 5 }),
        query,
        fc.dictionary(token, fc.array(fc.stringMatching(/^[ -~]{0,20}$/), { maxLength: 3 })),
        fc.constantFrom<ConnectType>('exec', 'attach'),
        fc.constantFrom('GET', 'POST'),
        (segments, query, headers, type, method) => {
          const path = `/${segments.join('/')}${query === undefined ? '' : `?${query}`}`;
          const asked = request({ path, headers, method });
          assert.deepEqual(decodeConnectBody(encodeConnectBody(1, type, asked)), {
            ...asked,
            headers: { ...headers },
          });
        },
      ),
    );
  });

  test('is not made of a request that it cannot carry', () => {
    const unfit: Partial<KubeletRequest>[] = [
      { path: 'logs' },
      { path: '' },
      { path: '/a b' },
      { path: '/a\r\nHost: b' },
      { path: '/%zz' },
      { path: '/%ff' },
      { method: 'GET /' },
      { method: 'POST' },
      { headers: { 'a b': ['c'] } },
      { headers: { a: ['b\r\nc: d'] } },
      { headers: { a: ['\0'] } },
      { headers: { a: ['x'.repeat(MAX_CONNECT_BODY_BYTES)] } },
    ];
    for (const changes of unfit) {
      assert.throws(() => encodeConnectBody(1, 'logs', request(changes)), invalid, JSON.stringify(changes));
    }
  });

  test('of an older Go, or with fields left out, is understood', () => {
    assert.deepEqual(decodeConnectBody(json({ url })), {
      method: 'GET',
      path: '/stats/summary',
      headers: {},
    });
    const bare = { MessID: 1, url: { Path: '/a b', ForceQuery: true }, header: null };
    assert.deepEqual(decodeConnectBody(json(bare)), { method: 'GET', path: '/a%20b?', headers: {} });
    // a raw path that says something else than the path does not count, as in Go
    const lying = { url: { ...url, RawPath: '/pods' } };
    assert.equal(decodeConnectBody(json(lying)).path, '/stats/summary');
  });

  test('that is malformed in any way is refused with a typed error', () => {
    const bodies: Buffer[] = [
      Buffer.alloc(0),
      Buffer.from('{"MessID":7,"url":{"Path":"/conta'),
      Buffer.from([0xff, 0xfe, 0x00]),
      Buffer.from('['.repeat(60_000)),
      Buffer.alloc(MAX_CONNECT_BODY_BYTES + 1, ' '),
      Buffer.from('{"__proto__":{"url":{"Path":"/a"}}}'),
      ...[null, [], '', 7, true, {}].map(json),
      ...[null, [], '', 7, { Path: null }, { Path: ['/a'] }, { Path: 'a' }, { Path: '' }].map((url) =>
        json({ url }),
      ),
      ...[{ RawQuery: 7 }, { RawQuery: 'a b' }, { RawQuery: 'a\r\nb: c' }, { RawPath: {} }].map((part) =>
        json({ url: { ...url, ...part } }),
      ),
      ...['x', 7, [], { a: 'b' }, { a: [7] }, { a: [null] }, { 'a\n': ['b'] }, { a: ['b\nc'] }].map(
        (header) => json({ url, header }),
      ),
      ...[7, null, '', 'GET ', 'A\r\nB'].map((method) => json({ url, method })),
    ];
    for (const body of bodies) {
      assert.throws(() => decodeConnectBody(body), invalid, body.toString('utf8', 0, 80));
    }
  });

  test('of any JSON is understood or refused, and touches no prototype', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (url, header) => {
        try {
          decodeConnectBody(Buffer.from(`{"url":${url},"header":${header}}`));
        } catch (error) {
          assert.ok(invalid(error), String(error));
        }
      }),
    );
    const sly = '{"url":{"Path":"/a","__proto__":{"RawQuery":"b"}},"header":{"__proto__":["c"]}}';
    const { path, headers } = decodeConnectBody(Buffer.from(sly));
    assert.equal(path, '/a');
    assert.equal(Object.getPrototypeOf(headers), Object.prototype);
    assert.deepEqual(Object.keys(headers), ['__proto__']);
    assert.equal(({} as { RawQuery?: string }).RawQuery, undefined);
  });
});
