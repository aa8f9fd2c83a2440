import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { generateKey, keyToPem } from '../keys.ts';
import { certificateToPem } from '../pem.ts';
import * as x509 from '../x509.ts';

export interface ClientRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** Unix milliseconds; default from an hour ago until in an hour. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Makes it good for a server at these addresses as well. */
  readonly addresses?: readonly string[];
}

const HOUR_MS = 3_600_000;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** A client certificate of any subject, as a cluster's CA would issue it; PEM. For tests only. */
export async function issueClient(
  ca: { readonly certPem: string; readonly keyPem: string },
  { commonName, organizations = [], notBefore, notAfter, addresses = [] }: ClientRequest,
): Promise<{ readonly cert: string; readonly key: string }> {
  const key = generateKey();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(7).toString('hex')}`,
    subject: [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }],
    issuer: new x509.X509Certificate(ca.certPem).subjectName,
    notBefore: new Date(notBefore ?? Date.now() - HOUR_MS),
    notAfter: new Date(notAfter ?? Date.now() + HOUR_MS),
    publicKey: createPublicKey(key).toCryptoKey(ECDSA, true, ['verify']),
    signingKey: createPrivateKey(ca.keyPem).toCryptoKey(ECDSA, false, ['sign']),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.clientAuth,
        x509.ExtendedKeyUsage.serverAuth,
      ]),
      ...(addresses.length === 0
        ? []
        : [new x509.SubjectAlternativeNameExtension(addresses.map((value) => ({ type: 'ip', value })))]),
    ],
  });
  return { cert: certificateToPem(Buffer.from(certificate.rawData)), key: keyToPem(key) };
}
