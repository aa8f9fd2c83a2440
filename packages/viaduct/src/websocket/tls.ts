import type { TLSSocket } from 'node:tls';
import type { PeerIdentity } from '../types.ts';

export const MIN_TLS_VERSION = 'TLSv1.2';

/**
 * Upstream's list for TLS 1.2 (spec/certificates-and-ports.md §4.4) with the suites of TLS 1.3, which Node keeps in
 * the same list. RSA suites serve an operator's own RSA server certificate.
 */
export const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':');

/** Subject of the peer's certificate; a field that is absent or given more than once is empty. */
export function subjectOf(socket: TLSSocket): Pick<PeerIdentity, 'commonName' | 'organization'> {
  const subject: unknown = socket.getPeerCertificate(false)?.subject;
  return { commonName: single(subject, 'CN'), organization: single(subject, 'O') };
}

function single(subject: unknown, field: 'CN' | 'O'): string {
  if (typeof subject !== 'object' || subject === null) return '';
  const value: unknown = Reflect.get(subject, field);
  return typeof value === 'string' ? value : '';
}
