import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { createAuthority, createNodeCsr, generateKey, type TokenVerdict } from '@kubeedge-ts/pki';
import { type CallerChecks, identifyCaller } from './caller.ts';

const NOW = 1_700_000_000_000;
const DAY = 86_400_000;
const ours = await createAuthority(NOW);
const foreign = await createAuthority(NOW);

async function certificateOf(
  nodeName: string,
  signer: { readonly signNode: (typeof ours)['signNode'] } = ours,
): Promise<X509Certificate> {
  const csr = await createNodeCsr(nodeName, generateKey());
  return new X509Certificate(await signer.signNode({ csr, nodeName, lifetimeDays: 1, now: NOW }));
}

const checks = (changes: Partial<CallerChecks> = {}): CallerChecks => ({
  ca: new X509Certificate(ours.certDer),
  verifyToken: () => ({ ok: true, expiresAt: NOW + DAY }),
  now: NOW,
  ...changes,
});
const asks = (
  certificate: X509Certificate | undefined,
  authorization?: string,
  changes?: Partial<CallerChecks>,
) => identifyCaller({ certificate, authorization }, checks(changes));

describe('who asks', () => {
  test('is the node its certificate names, also when a token says more', async () => {
    const certificate = await certificateOf('edge-a');
    assert.deepEqual(asks(certificate, 'Bearer t'), {
      kind: 'certificate',
      nodeName: 'edge-a',
      expiredMs: 0,
    });
  });

  test('is refused with a certificate of another CA, although all of them bear the same name', async () => {
    const certificate = await certificateOf('edge-a', foreign);
    assert.equal(certificate.issuer, new X509Certificate(ours.certDer).subject);
    assert.equal(asks(certificate).kind, 'refused');
    assert.equal(asks(certificate, 'Bearer t').kind, 'refused', 'a token does not make up for it');
  });

  test('is refused with a certificate of ours into which another name was written', async () => {
    const { raw } = await certificateOf('edge-a');
    const at = raw.indexOf('edge-a');
    raw.write('edge-b', at);
    const forged = new X509Certificate(raw);
    assert.match(forged.subject, /edge-b/);
    assert.equal(asks(forged).kind, 'refused');
  });

  test('is told how long ago its certificate expired', async () => {
    const certificate = await certificateOf('edge-a');
    const { validToDate } = certificate;
    const late = asks(certificate, undefined, { now: validToDate.getTime() + DAY });
    assert.deepEqual(late, { kind: 'certificate', nodeName: 'edge-a', expiredMs: DAY });
    assert.equal(asks(certificate, undefined, { now: NOW - DAY }).kind, 'refused', 'not valid yet');
  });

  test("is refused with the CA's own certificate: it names no node and is not for clients", () => {
    assert.equal(asks(new X509Certificate(ours.certDer)).kind, 'refused');
  });

  for (const [verdict, code] of [
    [{ ok: false, problem: 'expired' }, 'PKI_TOKEN_EXPIRED'],
    [{ ok: false, problem: 'foreign' }, 'PKI_TOKEN_FOREIGN'],
    [{ ok: false, problem: 'malformed' }, 'PKI_TOKEN_MALFORMED'],
  ] as const satisfies readonly (readonly [TokenVerdict, string])[]) {
    test(`is told that the token is ${verdict.problem}`, () => {
      const caller = asks(undefined, 'Bearer t', { verifyToken: () => verdict });
      assert.equal(caller.kind === 'refused' && caller.code, code);
    });
  }

  test('is nobody without any proof, and refused with half of one', () => {
    assert.deepEqual(asks(undefined), { kind: 'anyone' });
    assert.deepEqual(asks(undefined, 'Bearer t'), { kind: 'token' });
    for (const header of ['', 'Bearer', 'Bearer ', 'Bearer a b']) {
      assert.equal(asks(undefined, header).kind, 'refused', JSON.stringify(header));
    }
  });
});
