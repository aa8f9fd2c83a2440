import { X509Certificate } from 'node:crypto';
import { pkiErrors } from '@kubeedge-ts/errors';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/;

/** Wraps DER in PEM, 64 characters a line. `label` e.g. `CERTIFICATE`. */
export function derToPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

export function certificateToPem(der: Uint8Array): string {
  return derToPem('CERTIFICATE', der);
}

/**
 * DER of the first certificate in PEM text, or of DER itself. `what` names it in the error.
 * @throws KubeEdgeError PKI_PEM_INVALID
 */
export function certificateToDer(input: string | Uint8Array, what: string): Buffer {
  return parseCertificate(input, what).raw;
}

/** The first certificate of PEM text or DER. @throws KubeEdgeError PKI_PEM_INVALID */
export function parseCertificate(input: string | Uint8Array, what: string): X509Certificate {
  try {
    return new X509Certificate(typeof input === 'string' ? (CERTIFICATE.exec(input)?.[0] ?? input) : input);
  } catch (cause) {
    throw pkiErrors.create('PKI_PEM_INVALID', { what, problem: 'no certificate in it' }, cause);
  }
}
