import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export interface RequestOptions {
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  readonly names?: readonly { readonly type: 'dns' | 'ip' | 'email' | 'url'; readonly value: string }[];
  readonly algorithm?: 'ec' | 'rsa' | 'ed25519';
}

const ALGORITHMS = {
  ec: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  ed25519: { name: 'Ed25519' },
} as const;

/** PEM of a certificate request of a fresh key. */
export async function createSigningRequest(options: RequestOptions = {}): Promise<string> {
  const { commonName = 'system:node:n1', organizations = ['system:nodes'], names = [] } = options;
  const algorithm = ALGORITHMS[options.algorithm ?? 'ec'];
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as {
    privateKey: CryptoKey;
    publicKey: CryptoKey;
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names])],
  });
  return request.toString('pem');
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
