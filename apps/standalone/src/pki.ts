import { createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
// tsyringe, a part of @peculiar/x509, needs the polyfill before it loads.
import 'reflect-metadata';
import { generateKey } from '@kubeedge-ts/pki/light';
import * as x509 from '@peculiar/x509';

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const LEAF_DAYS = 1825;
/** Clients whose clock is a little behind must not see a certificate from the future. */
const BACKDATE_MS = 300_000;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = x509.KeyUsageFlags;

/** A PKCS#8 P-256 key, for signing service account tokens. */
export function createSigningKey(): string {
  return pem(generateKey());
}

export async function createCa(now: number, commonName = 'kubeedge-standalone-ca'): Promise<KeyPair> {
  const key = generateKey();
  const keys = { privateKey: cryptoKey(key), publicKey: publicCryptoKey(key) };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + CA_DAYS * DAY_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(digitalSignature | keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key: pem(key) };
}

export interface LeafRequest {
  readonly commonName: string;
  readonly organization?: string;
  /** Names and addresses of a server; empty makes a client certificate. */
  readonly names: readonly string[];
  readonly now: number;
}

/** A new key and a certificate for it, signed by the CA. */
export async function issueLeaf(ca: KeyPair, caKey: KeyObject, request: LeafRequest): Promise<KeyPair> {
  const key = generateKey();
  const issuer = new x509.X509Certificate(ca.cert);
  const server = request.names.length > 0;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [...(request.organization ? [{ O: [request.organization] }] : []), { CN: [request.commonName] }],
    issuer: issuer.subjectName,
    notBefore: new Date(request.now - BACKDATE_MS),
    notAfter: new Date(Math.min(request.now + LEAF_DAYS * DAY_MS, issuer.notAfter.getTime())),
    publicKey: publicCryptoKey(key),
    signingKey: cryptoKey(caKey),
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([
        server ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(server ? [subjectAlternativeNames(request.names)] : []),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key: pem(key) };
}

/** Whether a serving certificate still does for these names, with a year to spare. */
export function coversNames(cert: string, names: readonly string[], now: number): boolean {
  const certificate = new X509Certificate(cert);
  if (certificate.validToDate.getTime() < now + 365 * DAY_MS) return false;
  return names.every((name) =>
    isIP(name) > 0 ? certificate.checkIP(name) !== undefined : certificate.checkHost(name) !== undefined,
  );
}

function subjectAlternativeNames(names: readonly string[]): x509.Extension {
  return new x509.SubjectAlternativeNameExtension(
    [...new Set(names)].map((value) => ({ type: isIP(value) > 0 ? 'ip' : 'dns', value })),
  );
}

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function cryptoKey(key: KeyObject): CryptoKey {
  return key.toCryptoKey(ECDSA, false, ['sign']);
}

function publicCryptoKey(key: KeyObject): CryptoKey {
  return createPublicKey(key).toCryptoKey(ECDSA, true, ['verify']);
}

function serial(): string {
  const bytes = randomBytes(8);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}
