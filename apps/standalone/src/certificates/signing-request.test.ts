import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { base64, createSigningRequest } from '../testing/signing-request.ts';
import { parseSigningRequest } from './signing-request.ts';

for (const algorithm of ['ec', 'rsa', 'ed25519'] as const) {
  test(`a request of a key of kind ${algorithm} is read with its subject and names`, async () => {
    const names = [
      { type: 'dns', value: 'edge' },
      { type: 'ip', value: '10.0.0.1' },
      { type: 'email', value: 'a@b.c' },
      { type: 'url', value: 'spiffe://a/b' },
    ] as const;
    const pem = await createSigningRequest({ algorithm, organizations: ['one', 'two'], names });
    const request = parseSigningRequest(base64(pem));
    assert.ok(typeof request !== 'string', String(request));
    assert.equal(request.commonName, 'system:node:n1');
    assert.deepEqual(request.organizations, ['one', 'two']);
    assert.deepEqual(request.names, names);
  });
}

test('a request whose content is not what was signed is refused', async () => {
  const pem = await createSigningRequest();
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const at = der.indexOf('system:node:n1');
  der.write('system:node:n2', at);
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  assert.equal(parseSigningRequest(base64(forged)), 'the signature is not that of its key');
});

test('what is no request is refused with the reason', async () => {
  const pem = await createSigningRequest();
  const type = 'PEM block type must be CERTIFICATE REQUEST';
  assert.equal(parseSigningRequest(base64(pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'))), type);
  assert.equal(parseSigningRequest(base64(`${pem}${pem}`)), type);
  assert.equal(parseSigningRequest(pem), type);
  assert.match(String(parseSigningRequest(undefined)), /must be PEM/);
  assert.match(String(parseSigningRequest('A'.repeat(100_000))), /at most 16384 bytes/);
  const cut = pem.replace(/\n[^\n]+\n-----END/, '\n-----END');
  assert.match(String(parseSigningRequest(base64(cut))), /^malformed certificate request/);
});

test('a change of what is signed is noticed wherever it is, and none of the rest ends anything (property)', async () => {
  const pem = await createSigningRequest();
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  // The outer sequence and what is signed have headers of three bytes each.
  const start = 3;
  const end = start + 3 + (der[start + 2] ?? 0);
  assert.deepEqual([der[1], der[start + 1]], [0x81, 0x81]);
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const broken = Buffer.from(der);
      broken[at] = (broken[at] ?? 0) ^ change;
      const text = `-----BEGIN CERTIFICATE REQUEST-----\n${broken.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
      const found = parseSigningRequest(base64(text));
      if (at >= start && at < end) assert.equal(typeof found, 'string');
      else if (typeof found !== 'string') assert.equal(found.commonName, 'system:node:n1');
    }),
  );
});
