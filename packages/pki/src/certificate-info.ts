import type { X509Certificate } from 'node:crypto';
import type { Random } from '@kubeedge-ts/runtime';
import { parseCertificate } from './pem.ts';

/** What the programs want to know of a certificate. Times in Unix milliseconds. */
export interface CertificateInfo {
  /** Empty when absent or given more than once. */
  readonly commonName: string;
  readonly organization: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly dnsNames: readonly string[];
  /** Canonical text form. */
  readonly ipAddresses: readonly string[];
}

/** Reads the first certificate of PEM text or DER. @throws KubeEdgeError PKI_PEM_INVALID */
export function readCertificate(input: string | Uint8Array, what = 'certificate'): CertificateInfo {
  return describeCertificate(parseCertificate(input, what));
}

export function describeCertificate(certificate: X509Certificate): CertificateInfo {
  const names = (certificate.subjectAltName ?? '').split(', ');
  const valuesOf = (prefix: string): string[] =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return {
    commonName: subjectField(certificate, 'CN'),
    organization: subjectField(certificate, 'O'),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    dnsNames: valuesOf('DNS:').filter((name) => name !== ''),
    ipAddresses: valuesOf('IP Address:'),
  };
}

/** Subject of a node's client certificate (spec/certificates-and-ports.md §4.3). */
export const nodeCommonName = (nodeName: string): string => `system:node:${nodeName}`;
export const NODE_ORGANIZATION = 'system:nodes';

/** True when this is a certificate of that node and, at `now`, neither expired nor from the future. */
export function isUsableBy(info: CertificateInfo, nodeName: string, now: number): boolean {
  return info.commonName === nodeCommonName(nodeName) && info.notBefore <= now && now < info.notAfter;
}

/** When a certificate should be renewed: after 0.7 to 0.9 of its life, random so that nodes spread (§5.2). */
export function rotationTime(info: CertificateInfo, random: Random): number {
  return info.notBefore + (info.notAfter - info.notBefore) * (0.7 + 0.2 * random.next());
}

function subjectField(certificate: X509Certificate, field: string): string {
  const values = certificate.subject
    .split('\n')
    .filter((line) => line.startsWith(`${field}=`))
    .map((line) => line.slice(field.length + 1));
  return values.length === 1 ? (values[0] ?? '') : '';
}
