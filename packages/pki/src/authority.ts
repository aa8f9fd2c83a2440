import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { errorText, pkiErrors } from '@kubeedge-ts/errors';
import { NODE_ORGANIZATION, nodeCommonName } from './certificate-info.ts';
import { readCsr } from './csr.ts';
import { generateKey, keyToPem, keyToSec1, parseEcKey } from './keys.ts';
import { certificateToPem, parseCertificate } from './pem.ts';
import { caHash } from './token.ts';
import * as x509 from './x509.ts';

export interface CertificatePair {
  readonly certDer: Buffer;
  /** SEC 1 EC DER, as upstream stores it. */
  readonly keyDer: Buffer;
  readonly certPem: string;
  readonly keyPem: string;
}

/** The hub CA: everything that trusts this installation trusts this key. */
export interface CertificateAuthority extends CertificatePair {
  /** Lower-case hex SHA-256 of the certificate's DER. */
  readonly hash: string;
  /** A new key and a certificate for cloudcore's listeners. */
  issueServer(request: {
    readonly addresses: readonly string[];
    readonly dnsNames: readonly string[];
    /** Unix milliseconds. */
    readonly now: number;
  }): Promise<CertificatePair>;
  /**
   * Signs a node's client certificate. Of the request only the key is used; subject, usages and lifetime are decided
   * here (DESIGN §11). Returns DER.
   * @throws KubeEdgeError PKI_CSR_INVALID
   */
  signNode(request: {
    readonly csr: Uint8Array;
    readonly nodeName: string;
    readonly lifetimeDays: number;
    readonly now: number;
  }): Promise<Buffer>;
}

const DAY_MS = 86_400_000;
const LONG_LIFE_DAYS = 36_400;
const CA_SERIAL = '0400';
/** Peers whose clock is a little behind must not see a certificate from the future. */
const BACKDATE_MS = 300_000;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};
const { digitalSignature, keyEncipherment, keyCertSign } = x509.KeyUsageFlags;

/** A new self-signed CA of upstream's profile (spec/certificates-and-ports.md §4.3). `now` in Unix milliseconds. */
export async function createAuthority(now: number): Promise<CertificateAuthority> {
  const key = generateKey();
  const keys = {
    privateKey: signingKey(key, 'new CA'),
    publicKey: createPublicKey(key).toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']),
  };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: CA_SERIAL,
    name: [{ CN: ['KubeEdge'] }],
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + LONG_LIFE_DAYS * DAY_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.KeyUsagesExtension(digitalSignature | keyEncipherment | keyCertSign, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.BasicConstraintsExtension(true, undefined, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return authority(Buffer.from(certificate.rawData), key, 'new CA');
}

/**
 * A CA from DER or PEM; `source` names where it came from.
 * @throws KubeEdgeError PKI_PEM_INVALID, PKI_CA_INVALID (key of another certificate, not a CA, not EC)
 */
export function loadAuthority(
  cert: string | Uint8Array,
  key: string | Uint8Array,
  source: string,
): CertificateAuthority {
  const certificate = parseCertificate(cert, `CA certificate of ${source}`);
  const privateKey = parseEcKey(key, `CA key of ${source}`);
  if (!certificate.ca) throw pkiErrors.create('PKI_CA_INVALID', { source, problem: 'not a CA certificate' });
  if (!certificate.checkPrivateKey(privateKey)) {
    throw pkiErrors.create('PKI_CA_INVALID', {
      source,
      problem: 'key and certificate do not belong together',
    });
  }
  return authority(certificate.raw, privateKey, source);
}

/** @throws KubeEdgeError PKI_PEM_INVALID */
export function loadPair(cert: string | Uint8Array, key: string | Uint8Array, what: string): CertificatePair {
  return pair(parseCertificate(cert, what).raw, parseEcKey(key, `key of ${what}`));
}

function pair(certDer: Buffer, key: KeyObject): CertificatePair {
  return {
    certDer,
    keyDer: keyToSec1(key),
    certPem: certificateToPem(certDer),
    keyPem: keyToPem(key),
  };
}

function authority(certDer: Buffer, key: KeyObject, source: string): CertificateAuthority {
  const own = new x509.X509Certificate(new Uint8Array(certDer));
  const caKey = signingKey(key, source);
  const sign = async (leaf: Leaf): Promise<Buffer> => {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: randomSerial(),
      subject: [{ O: [leaf.organization] }, { CN: [leaf.commonName] }],
      // Byte for byte the CA's subject: Go finds the issuer by comparing the encodings.
      issuer: own.subjectName,
      notBefore: new Date(leaf.now - BACKDATE_MS),
      notAfter: new Date(Math.min(leaf.now + leaf.lifetimeDays * DAY_MS, own.notAfter.getTime())),
      publicKey: new Uint8Array(leaf.publicKey),
      signingKey: caKey,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension([leaf.usage]),
        ...authorityKeyId(own),
        ...leaf.extensions,
      ],
    });
    return Buffer.from(certificate.rawData);
  };

  return {
    ...pair(certDer, key),
    hash: caHash(certDer),
    async issueServer({ addresses, dnsNames, now }) {
      const serverKey = generateKey();
      const names = [...addresses, ...dnsNames].filter((name) => name !== '');
      const certificate = await sign({
        commonName: 'KubeEdge',
        organization: 'KubeEdge',
        publicKey: createPublicKey(serverKey).export({ format: 'der', type: 'spki' }),
        usage: x509.ExtendedKeyUsage.serverAuth,
        lifetimeDays: LONG_LIFE_DAYS,
        now,
        extensions: [
          new x509.SubjectAlternativeNameExtension(
            [...new Set(names)].map((value) => ({ type: isIP(value) > 0 ? 'ip' : 'dns', value })),
          ),
        ],
      });
      return pair(certificate, serverKey);
    },
    async signNode({ csr, nodeName, lifetimeDays, now }) {
      const request = await readCsr(csr);
      // 1.9 edges ask for a name that is the same for all of them; they get their own one all the same.
      if (request.commonName.startsWith('system:') && request.commonName !== nodeCommonName(nodeName)) {
        throw pkiErrors.create('PKI_CSR_INVALID', {
          problem: `asks for CN ${request.commonName} as node ${nodeName}`,
        });
      }
      return sign({
        commonName: nodeCommonName(nodeName),
        organization: NODE_ORGANIZATION,
        publicKey: request.publicKey,
        usage: x509.ExtendedKeyUsage.clientAuth,
        lifetimeDays,
        now,
        extensions: [],
      });
    },
  };
}

interface Leaf {
  readonly commonName: string;
  readonly organization: string;
  readonly publicKey: Uint8Array;
  readonly usage: x509.ExtendedKeyUsage;
  readonly lifetimeDays: number;
  readonly now: number;
  readonly extensions: readonly x509.Extension[];
}

/** The CA's own key id: a computed one may differ from it (Go changed its hash), and OpenSSL then rejects the chain. */
function authorityKeyId(ca: x509.X509Certificate): x509.Extension[] {
  const own = ca.getExtension(x509.SubjectKeyIdentifierExtension);
  return own === null ? [] : [new x509.AuthorityKeyIdentifierExtension(own.keyId)];
}

function signingKey(key: KeyObject, source: string): CryptoKey {
  const namedCurve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (namedCurve === undefined) {
    throw pkiErrors.create('PKI_CA_INVALID', { source, problem: 'its curve is not P-256, P-384 or P-521' });
  }
  try {
    return key.toCryptoKey({ name: 'ECDSA', namedCurve }, false, ['sign']);
  } catch (cause) {
    throw pkiErrors.create('PKI_CA_INVALID', { source, problem: errorText(cause) }, cause);
  }
}

/** Positive and below 2^63. */
function randomSerial(): string {
  const bytes = randomBytes(8);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}
