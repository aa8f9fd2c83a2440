import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
// tsyringe, a part of @peculiar/x509, needs the polyfill before it loads.
import 'reflect-metadata';
import { errorText } from '@kubeedge-ts/errors';
import * as x509 from '@peculiar/x509';

/** A PKCS#10 request whose signature is its key's. */
export interface SigningRequest {
  readonly subject: x509.Name;
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly names: readonly AlternativeName[];
  readonly publicKey: KeyObject;
}

export interface AlternativeName {
  readonly type: 'dns' | 'ip' | 'email' | 'url';
  readonly value: string;
}

const LIMIT = 16_384;
const STRONG = new Set(['sha256', 'sha384', 'sha512']);
const KINDS = new Set(['dns', 'ip', 'email', 'url']);
const PEM = /^\s*-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\s]+)-----END \1-----\s*$/;

/** Reads `spec.request`: base64 of PEM. A text says what is wrong with it. */
export function parseSigningRequest(base64: unknown): SigningRequest | string {
  if (typeof base64 !== 'string' || base64.length > LIMIT * 2) return `must be PEM of at most ${LIMIT} bytes`;
  const [, type, body = ''] = PEM.exec(Buffer.from(base64, 'base64').toString('latin1')) ?? [];
  if (type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  const der = Buffer.from(body, 'base64');
  try {
    return readRequest(der);
  } catch (error) {
    return `malformed certificate request: ${errorText(error)}`;
  }
}

function readRequest(der: Buffer): SigningRequest | string {
  const request = new x509.Pkcs10CertificateRequest(new Uint8Array(der));
  const publicKey = createPublicKey({
    key: Buffer.from(request.publicKey.rawData),
    format: 'der',
    type: 'spki',
  });
  if (!isSigned(request, der, publicKey)) return 'the signature is not that of its key';
  const extension = request.extensions.find((entry) => entry instanceof x509.SubjectAlternativeNameExtension);
  const names = extension?.names.toJSON() ?? [];
  const [commonName = ''] = request.subjectName.getField('CN');
  return {
    subject: request.subjectName,
    commonName,
    organizations: request.subjectName.getField('O'),
    // Other kinds of names do not come into a certificate.
    names: names.filter((name): name is AlternativeName => KINDS.has(name.type)),
    publicKey,
  };
}

function isSigned(request: x509.Pkcs10CertificateRequest, der: Buffer, publicKey: KeyObject): boolean {
  const algorithm = request.signatureAlgorithm as {
    name: string;
    hash?: { name: string };
    saltLength?: number;
  };
  const hash = algorithm.hash?.name.replace('-', '').toLowerCase() ?? null;
  // A signature is worth what its hash is worth; an algorithm nobody knows is none.
  if (hash === null ? !algorithm.name.startsWith('Ed') : !STRONG.has(hash)) return false;
  const pss = algorithm.name === 'RSA-PSS';
  const key = pss
    ? { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.saltLength ?? 32 }
    : publicKey;
  return verify(hash, signedPart(der), key, Buffer.from(request.signature));
}

/** The first element of the outer sequence: what the signature is over. */
function signedPart(der: Buffer): Buffer {
  const start = headerLength(der, 0);
  const length = headerLength(der, start) + contentLength(der, start);
  return der.subarray(start, start + length);
}

function headerLength(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function contentLength(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0;
  return first < 0x80 ? first : der.readUIntBE(at + 2, first & 0x7f);
}
