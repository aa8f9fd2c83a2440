import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
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

/** Why the peer's certificate is not good enough; undefined when it is. */
export function certificateProblem(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket)) return 'TLS is required';
  if (socket.authorized) return undefined;
  const problem: unknown = socket.authorizationError;
  return `client certificate required: ${problem instanceof Error ? problem.message : String(problem)}`;
}

/** Whether a connection failed in its TLS handshake: OpenSSL and Node name that in many ways. */
export function isTlsFailure({ code = '' }: { readonly code?: string }): boolean {
  return /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE|ERR_OSSL_)/.test(
    code,
  );
}

function single(subject: unknown, field: 'CN' | 'O'): string {
  if (typeof subject !== 'object' || subject === null) return '';
  const value: unknown = Reflect.get(subject, field);
  return typeof value === 'string' ? value : '';
}
