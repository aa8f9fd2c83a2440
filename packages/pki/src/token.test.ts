import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { it } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { caHash, mintToken, parseJoinToken, verifyBearer } from './token.ts';

const key = { caDer: Buffer.from('example-ca-der'), keyDer: Buffer.from('example-key-der') };
const EXPIRES = 1_700_086_400_000;
const VECTOR =
  '5d8d73ccf9e0dad38e3ef59fa768494a0247c762aaf3e23583b2c4ef9cddd0a5.' +
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3MDAwODY0MDB9.' +
  '7cmKWKjBhXKvYxNl4-jbXU8YRUQknLRD7xdbiiNEiJM';
const bearerOf = (token: string): string => token.split('.').slice(1).join('.');

it('the check vector of spec/certificates-and-ports.md §3.1 is minted, taken apart and verified', () => {
  assert.equal(mintToken(key, { expiresAt: EXPIRES }), VECTOR);
  const parsed = parseJoinToken(`  ${VECTOR}\n`);
  assert.deepEqual(parsed, { caHash: caHash(key.caDer), bearer: bearerOf(VECTOR), expiresAt: EXPIRES });
  assert.deepEqual(verifyBearer(key.keyDer, parsed.bearer, EXPIRES - 1), { ok: true, expiresAt: EXPIRES });
});

it('a token is good until its second and not at it', () => {
  assert.deepEqual(verifyBearer(key.keyDer, bearerOf(VECTOR), EXPIRES), { ok: false, problem: 'expired' });
});

it('a token of another CA key is foreign, also when it has expired', () => {
  const other = Buffer.from('another-key');
  assert.deepEqual(verifyBearer(other, bearerOf(VECTOR), 0), { ok: false, problem: 'foreign' });
  assert.deepEqual(verifyBearer(other, bearerOf(VECTOR), EXPIRES * 2), { ok: false, problem: 'foreign' });
});

it('a node-bound token names its node, and only the signer can bind', () => {
  const bearer = bearerOf(mintToken(key, { expiresAt: EXPIRES, nodeName: 'edge-1' }));
  assert.deepEqual(verifyBearer(key.keyDer, bearer, 0), {
    ok: true,
    expiresAt: EXPIRES,
    nodeName: 'edge-1',
  });
  const [header, , signature] = bearer.split('.');
  const forged = Buffer.from(JSON.stringify({ exp: EXPIRES / 1000, sub: 'system:node:edge-2' }));
  const changed = `${header}.${forged.toString('base64url')}.${signature}`;
  assert.deepEqual(verifyBearer(key.keyDer, changed, 0), { ok: false, problem: 'foreign' });
});

function signed(header: object, payload: unknown, hash = 'sha256'): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part(header)}.${part(payload)}`;
  return `${text}.${createHmac(hash, key.keyDer).update(text).digest('base64url')}`;
}

it('any HMAC-SHA2 is accepted; none, public-key algorithms and odd claims never are', () => {
  assert.ok(verifyBearer(key.keyDer, signed({ alg: 'HS512' }, { exp: 2 }, 'sha512'), 1).ok);
  assert.ok(verifyBearer(key.keyDer, signed({ alg: 'HS384' }, { exp: 2 }, 'sha384'), 1).ok);
  for (const header of [{ alg: 'none' }, { alg: 'ES256' }, { alg: 'RS256' }, {}, [], { alg: null }]) {
    assert.equal(verifyBearer(key.keyDer, signed(header, { exp: 2 }), 1).ok, false);
  }
  const payloads = [
    {},
    { exp: '2' },
    { exp: null },
    null,
    [],
    'x',
    7,
    { exp: 2, sub: 'edge' },
    { exp: 2, sub: 1 },
  ];
  for (const payload of payloads) {
    assert.deepEqual(verifyBearer(key.keyDer, signed({ alg: 'HS256' }, payload), 1), {
      ok: false,
      problem: 'malformed',
    });
  }
});

it('no text makes the verifier accept or throw', () => {
  const bearer = bearerOf(VECTOR);
  const mutated = fc
    .tuple(fc.nat(bearer.length - 2), fc.constantFrom('.', 'A', '_', '=', '\0', '🌍', ''))
    .map(([at, char]) => bearer.slice(0, at) + char + bearer.slice(at + 1))
    .filter((text) => text !== bearer);
  fc.assert(
    fc.property(fc.oneof(fc.string(), mutated), (text) => {
      assert.equal(verifyBearer(key.keyDer, text, 0).ok, false);
    }),
  );
  assert.equal(verifyBearer(key.keyDer, 'x'.repeat(10_000_000), 0).ok, false);
});

it('a configured token that is not four parts with a hash in front is PKI_TOKEN_MALFORMED', () => {
  const bad = [
    '',
    'x',
    bearerOf(VECTOR),
    `${VECTOR}.x`,
    VECTOR.replace('5d', 'XX'),
    VECTOR.replace('eyJ', 'e J'),
  ];
  for (const text of bad) {
    assert.throws(
      () => parseJoinToken(text),
      (error) => isKubeEdgeError(error, 'PKI_TOKEN_MALFORMED'),
      text,
    );
  }
});
