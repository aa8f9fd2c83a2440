import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { seededRandom } from '@kubeedge-ts/runtime';
import fc from 'fast-check';
import { createAuthority, loadAuthority, loadPair } from './authority.ts';
import { isUsableBy, readCertificate, rotationTime } from './certificate-info.ts';
import { createNodeCsr, readCsr } from './csr.ts';
import { generateKey, keyToPem, keyToSec1, parseEcKey } from './keys.ts';
import { certificateToDer } from './pem.ts';
import * as x509 from './x509.ts';

const NOW = Date.UTC(2026, 10, 22);
const DAY = 86_400_000;
const ca = await createAuthority(NOW);
const caCertificate = new X509Certificate(ca.certDer);
const hasCode = (code: string) => (error: unknown) => isKubeEdgeError(error, code);

describe('CA', () => {
  it('has the profile of upstream: P-256, CN KubeEdge, serial 1024, a hundred years', () => {
    const info = readCertificate(ca.certPem);
    assert.equal(info.commonName, 'KubeEdge');
    assert.equal(info.organization, '');
    assert.equal(info.notAfter, NOW + 36_400 * DAY);
    assert.equal(caCertificate.serialNumber, '0400');
    assert.equal(caCertificate.ca, true);
    assert.equal(caCertificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.equal(caCertificate.verify(caCertificate.publicKey), true);
  });

  it('survives the way through DER and PEM, with SEC 1 and PKCS#8 keys', () => {
    assert.equal(loadAuthority(ca.certDer, ca.keyDer, 'DER').hash, ca.hash);
    assert.equal(loadAuthority(ca.certPem, ca.keyPem, 'PEM').hash, ca.hash);
    assert.match(ca.keyPem, /^-----BEGIN EC PRIVATE KEY-----/);
    const pkcs8 = parseEcKey(ca.keyDer, 'key').export({ format: 'der', type: 'pkcs8' });
    assert.deepEqual(loadAuthority(ca.certDer, pkcs8, 'PKCS#8').keyDer, ca.keyDer);
    assert.deepEqual(certificateToDer(ca.certPem, 'CA'), ca.certDer);
  });

  it('is refused when the key is of another certificate, not EC, or the certificate no CA', async () => {
    const other = keyToSec1(generateKey());
    assert.throws(() => loadAuthority(ca.certDer, other, 'x'), hasCode('PKI_CA_INVALID'));
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const pem = rsa.export({ format: 'pem', type: 'pkcs8' }).toString();
    assert.throws(() => loadAuthority(ca.certDer, pem, 'x'), hasCode('PKI_PEM_INVALID'));
    const leaf = await ca.issueServer({ addresses: ['127.0.0.1'], dnsNames: [], now: NOW });
    assert.throws(() => loadAuthority(leaf.certDer, leaf.keyDer, 'x'), hasCode('PKI_CA_INVALID'));
  });

  it('garbage in place of certificate or key is PKI_PEM_INVALID', () => {
    const garbage = fc.oneof(fc.string(), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(garbage, (bytes) => {
        assert.throws(() => loadAuthority(bytes, ca.keyDer, 'x'), hasCode('PKI_PEM_INVALID'));
        assert.throws(() => loadAuthority(ca.certDer, bytes, 'x'), hasCode('PKI_PEM_INVALID'));
        assert.throws(() => loadPair(bytes, bytes, 'x'), hasCode('PKI_PEM_INVALID'));
      }),
    );
  });
});

describe('server certificate', () => {
  it('covers addresses and names, ignores empty ones, and is for servers only', async () => {
    const pair = await ca.issueServer({
      addresses: ['10.0.0.1', '2001:db8::1'],
      dnsNames: ['', 'cloud.example'],
      now: NOW,
    });
    const certificate = new X509Certificate(pair.certDer);
    assert.equal(certificate.checkIP('10.0.0.1'), '10.0.0.1');
    assert.equal(certificate.checkIP('2001:db8::1'), '2001:db8::1');
    assert.equal(certificate.checkHost('cloud.example'), 'cloud.example');
    assert.equal(certificate.checkIP('10.0.0.2'), undefined);
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(certificate.checkPrivateKey(parseEcKey(pair.keyDer, 'key')), true);
    const info = readCertificate(pair.certPem);
    assert.deepEqual([info.commonName, info.organization], ['KubeEdge', 'KubeEdge']);
    assert.deepEqual(info.dnsNames, ['cloud.example']);
  });
});

describe('node certificate', () => {
  const sign = (csr: Uint8Array, nodeName: string, lifetimeDays = 365, authority = ca) =>
    authority.signNode({ csr, nodeName, lifetimeDays, now: NOW });

  it('has the subject, usages and lifetime the server decided, and nothing else of the request', async () => {
    const key = generateKey();
    const keys = {
      privateKey: key.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
      publicKey: createPublicKey(key).toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']),
    };
    const greedy = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=system:node:edge-1, O=system:masters, OU=admin',
      keys,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'kubernetes.default' }]),
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      ],
    });
    const der = await sign(Buffer.from(greedy.rawData), 'edge-1');
    const certificate = new X509Certificate(der);
    assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:edge-1');
    assert.equal(certificate.subjectAltName, undefined);
    assert.equal(certificate.ca, false);
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    assert.equal(readCertificate(der).notAfter, NOW + 365 * DAY);
    assert.equal(certificate.checkIssued(caCertificate), true);
    assert.equal(certificate.verify(caCertificate.publicKey), true);
  });

  it('names its issuer byte for byte as the CA names itself, as Go requires', async () => {
    const leaf = new x509.X509Certificate(
      new Uint8Array(await sign(await createNodeCsr('edge-1', generateKey()), 'edge-1')),
    );
    const root = new x509.X509Certificate(new Uint8Array(ca.certDer));
    assert.deepEqual(
      Buffer.from(leaf.issuerName.toArrayBuffer()),
      Buffer.from(root.subjectName.toArrayBuffer()),
    );
  });

  it('does not outlive the CA', async () => {
    const der = await sign(await createNodeCsr('edge-1', generateKey()), 'edge-1', 10_000_000);
    assert.equal(readCertificate(der).notAfter, readCertificate(ca.certDer).notAfter);
  });

  it('a request for another system name is refused; the shared name of 1.9 gets the own one', async () => {
    const other = await createNodeCsr('edge-2', generateKey());
    await assert.rejects(sign(other, 'edge-1'), hasCode('PKI_CSR_INVALID'));
    const key = generateKey();
    const legacy = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=kubeedge.io, O=kubeEdge, C=CN, ST=Zhejiang, L=Hangzhou',
      keys: {
        privateKey: key.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
        publicKey: createPublicKey(key).toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']),
      },
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    });
    const der = await sign(Buffer.from(legacy.rawData), 'edge-1');
    assert.equal(readCertificate(der).commonName, 'system:node:edge-1');
  });

  it('a request whose signature was changed is refused', async () => {
    const csr = await createNodeCsr('edge-1', generateKey());
    const at = csr.indexOf('edge-1');
    csr.write('edge-2', at);
    await assert.rejects(readCsr(csr), (error) => {
      assert.ok(isKubeEdgeError(error, 'PKI_CSR_INVALID'));
      assert.match(error.message, /signature/);
      return true;
    });
  });

  it('any other bytes are refused, unless they say the same under the same signature', async () => {
    const good = await createNodeCsr('edge-1', generateKey());
    const meaning = await readCsr(good);
    const flipped = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
      const copy = Buffer.from(good);
      copy[at] = (copy[at] ?? 0) ^ mask;
      return copy;
    });
    const cut = fc.nat(good.length - 1).map((length) => good.subarray(0, length));
    const nested = fc.nat(8_000).map((depth) => Buffer.from('3080'.repeat(depth), 'hex'));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 400 }), flipped, cut, nested), async (bytes) => {
        try {
          assert.deepEqual(await readCsr(bytes), meaning);
        } catch (error) {
          if (!hasCode('PKI_CSR_INVALID')(error)) throw error;
        }
      }),
      { numRuns: 300 },
    );
    await assert.rejects(readCsr(Buffer.alloc(20_000, 0x30)), hasCode('PKI_CSR_INVALID'));
  });

  it('a CA whose key identifier is not a hash we know still gives chains that verify', async () => {
    const key = generateKey();
    const keys = {
      privateKey: key.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
      publicKey: createPublicKey(key).toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']),
    };
    for (const extra of [[], [new x509.SubjectKeyIdentifierExtension('00112233')]]) {
      const made = await x509.X509CertificateGenerator.createSelfSigned({
        serialNumber: '0400',
        name: 'CN=KubeEdge',
        notBefore: new Date(NOW),
        notAfter: new Date(NOW + DAY),
        keys,
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
        extensions: [new x509.BasicConstraintsExtension(true, undefined, true), ...extra],
      });
      const taken = loadAuthority(Buffer.from(made.rawData), keyToPem(key), 'upstream');
      const leaf = await sign(await createNodeCsr('edge-1', generateKey()), 'edge-1', 1, taken);
      assert.equal(new X509Certificate(leaf).checkIssued(new X509Certificate(taken.certDer)), true);
    }
  });
});

describe('certificate times', () => {
  const info = { ...readCertificate(ca.certPem), commonName: 'system:node:edge-1' };
  const year = { ...info, notBefore: NOW, notAfter: NOW + 100 * DAY };

  it('rotation falls between 0.7 and 0.9 of the life', () => {
    const random = seededRandom(3);
    for (let i = 0; i < 100; i++) {
      const at = rotationTime(year, random);
      assert.ok(at >= NOW + 70 * DAY && at <= NOW + 90 * DAY);
    }
  });

  it('a certificate is usable by its node within its dates only', () => {
    for (const [node, at, expected] of [
      ['edge-1', NOW, true],
      ['edge-1', NOW + 100 * DAY - 1, true],
      ['edge-1', NOW - 1, false],
      ['edge-1', NOW + 100 * DAY, false],
      ['edge-2', NOW, false],
    ] as const) {
      assert.equal(isUsableBy(year, node, at), expected);
    }
  });
});
