import { createPrivateKey, randomBytes } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { KeyPair } from '../pki.ts';
import type { SigningRequest } from './signing-request.ts';

const MINUTE_MS = 60_000;
/** Clients whose clock is a little behind must not see a certificate from the future. */
const BACKDATE_MS = 5 * MINUTE_MS;
const SHORTEST_MS = 10 * MINUTE_MS;
/** Below this the end is not moved with the beginning. */
const SHORT_MS = 8 * 60 * MINUTE_MS;
const LONGEST_MS = 365 * 24 * 60 * MINUTE_MS;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

const KEY_USAGES: Readonly<Record<string, number>> = {
  'digital signature': x509.KeyUsageFlags.digitalSignature,
  'key encipherment': x509.KeyUsageFlags.keyEncipherment,
};
const PURPOSES: Readonly<Record<string, string>> = {
  'server auth': x509.ExtendedKeyUsage.serverAuth,
  'client auth': x509.ExtendedKeyUsage.clientAuth,
};

export interface IssueOptions {
  readonly usages: readonly string[];
  /** What the requester asked for; the longest is a year. */
  readonly expirationSeconds?: number;
  readonly now: number;
}

/** PEM of a certificate for a request a signer has taken. Never one that can sign others, never past the CA's own end. */
export async function issueCertificate(
  ca: KeyPair,
  request: SigningRequest,
  { usages, expirationSeconds, now }: IssueOptions,
): Promise<string> {
  const issuer = new x509.X509Certificate(ca.cert);
  const askedMs = expirationSeconds === undefined ? LONGEST_MS : expirationSeconds * 1000;
  const lifeMs = Math.min(Math.max(askedMs, SHORTEST_MS), LONGEST_MS);
  const endMs = now + lifeMs - (lifeMs < SHORT_MS ? 0 : BACKDATE_MS);
  const bits = usages.reduce((sum, usage) => sum | (KEY_USAGES[usage] ?? 0), 0);
  const purposes = usages.flatMap((usage) => PURPOSES[usage] ?? []);
  const spki = request.publicKey.export({ format: 'der', type: 'spki' });
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: request.subject,
    issuer: issuer.subjectName,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(Math.min(endMs, issuer.notAfter.getTime())),
    publicKey: new x509.PublicKey(new Uint8Array(spki)),
    signingKey: createPrivateKey(ca.key).toCryptoKey(ECDSA, false, ['sign']),
    signingAlgorithm: SIGNING,
    extensions: [
      ...(bits === 0 ? [] : [new x509.KeyUsagesExtension(bits, true)]),
      ...(purposes.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(purposes)]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(request.names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...request.names])]),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}
