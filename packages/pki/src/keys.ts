import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { pkiErrors } from '@kubeedge-ts/errors';

/** A new ECDSA P-256 private key, the kind every KubeEdge certificate uses (spec/certificates-and-ports.md §4.3). */
export function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/**
 * Reads an unencrypted EC private key: PEM (SEC 1 or PKCS#8) or DER (SEC 1, as upstream's secrets hold it, or PKCS#8).
 * @throws KubeEdgeError PKI_PEM_INVALID
 */
export function parseEcKey(input: string | Uint8Array, what: string): KeyObject {
  const key = typeof input === 'string' ? parsePemKey(input, what) : parseDerKey(Buffer.from(input), what);
  if (key.asymmetricKeyType !== 'ec') {
    throw pkiErrors.create('PKI_PEM_INVALID', { what, problem: `${key.asymmetricKeyType} key, EC needed` });
  }
  return key;
}

/** SEC 1 DER, the form of upstream's secrets and the HMAC key of join tokens. */
export function keyToSec1(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'sec1' });
}

/** PEM `EC PRIVATE KEY`, the form upstream writes. */
export function keyToPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'sec1' }).toString();
}

function parsePemKey(pem: string, what: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw pkiErrors.create('PKI_PEM_INVALID', { what, problem: 'no unencrypted private key in it' }, cause);
  }
}

function parseDerKey(der: Buffer, what: string): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'sec1' });
  } catch {
    // Not SEC 1: PKCS#8 is the other form.
    try {
      return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    } catch (cause) {
      throw pkiErrors.create('PKI_PEM_INVALID', { what, problem: 'no private key in it' }, cause);
    }
  }
}
