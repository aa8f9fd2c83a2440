import { createPublicKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { errorText, pkiErrors } from '@kubeedge-ts/errors';
import { NODE_ORGANIZATION, nodeCommonName } from './certificate-info.ts';
import * as x509 from './x509.ts';

const MAX_CSR_BYTES = 16_384;
const MIN_RSA_BITS = 2048;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** DER of a PKCS#10 request of that node, signed by its P-256 key. */
export async function createNodeCsr(nodeName: string, privateKey: KeyObject): Promise<Buffer> {
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ O: [NODE_ORGANIZATION] }, { CN: [nodeCommonName(nodeName)] }],
    keys: {
      privateKey: privateKey.toCryptoKey(ECDSA, false, ['sign']),
      publicKey: createPublicKey(privateKey).toCryptoKey(ECDSA, true, ['verify']),
    },
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  return Buffer.from(csr.rawData);
}

export interface ServingCsrRequest {
  /** Of the subject: `system:node:<name>`, as `kubernetes.io/kubelet-serving` wants it. */
  readonly nodeName: string;
  /** Addresses and DNS names the certificate is to be good for. */
  readonly names: readonly string[];
}

/** DER of a PKCS#10 request for a kubelet's serving certificate, signed by its P-256 key. */
export async function createServingCsr(
  { nodeName, names }: ServingCsrRequest,
  privateKey: KeyObject,
): Promise<Buffer> {
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ O: [NODE_ORGANIZATION] }, { CN: [nodeCommonName(nodeName)] }],
    keys: {
      privateKey: privateKey.toCryptoKey(ECDSA, false, ['sign']),
      publicKey: createPublicKey(privateKey).toCryptoKey(ECDSA, true, ['verify']),
    },
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        [...new Set(names)].map((value) => ({ type: isIP(value) > 0 ? 'ip' : 'dns', value })),
      ),
    ],
  });
  return Buffer.from(csr.rawData);
}

export interface CheckedCsr {
  /** CN of the requested subject; empty when absent. Only compared, never copied. */
  readonly commonName: string;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
}

/**
 * Reads a PKCS#10 request from anyone: bounded, its own signature verified, its key strong enough.
 * @throws KubeEdgeError PKI_CSR_INVALID
 */
export async function readCsr(der: Uint8Array): Promise<CheckedCsr> {
  if (der.length === 0) throw invalid('the body is empty');
  if (der.length > MAX_CSR_BYTES) throw invalid(`more than ${MAX_CSR_BYTES} bytes`);
  const csr = parse(der);
  if (!(await verify(csr))) throw invalid('its signature does not match its key');
  const publicKey = Buffer.from(csr.publicKey.rawData);
  checkStrength(publicKey);
  const [commonName = '', second] = csr.subjectName.getField('CN');
  if (second !== undefined) throw invalid('more than one CN');
  return { commonName, publicKey };
}

function parse(der: Uint8Array): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(new Uint8Array(der));
  } catch (cause) {
    throw pkiErrors.create('PKI_CSR_INVALID', { problem: 'not a PKCS#10 in DER' }, cause);
  }
}

async function verify(csr: x509.Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await csr.verify();
  } catch (cause) {
    throw pkiErrors.create('PKI_CSR_INVALID', { problem: `unusable signature: ${errorText(cause)}` }, cause);
  }
}

function checkStrength(spki: Buffer): void {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw pkiErrors.create('PKI_CSR_INVALID', { problem: 'unusable public key' }, cause);
  }
  const type = key.asymmetricKeyType;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (type !== 'ec' && !(type === 'rsa' && bits >= MIN_RSA_BITS)) {
    throw invalid(`key of type ${type ?? 'unknown'} is not accepted, use EC P-256`);
  }
}

function invalid(problem: string) {
  return pkiErrors.create('PKI_CSR_INVALID', { problem });
}
