import { errorText } from '@kubeedge-ts/errors';
import type { NodeEndpoint } from './node-endpoint.ts';

/** What Go says of a connection that failed, which is what users of kubectl know to read. */
const CONNECT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  EADDRNOTAVAIL: 'connect: cannot assign requested address',
  EACCES: 'connect: permission denied',
  ETIMEDOUT: 'i/o timeout',
};

const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
]);

/** An error of a connection to `endpoint` in one line, without a stack. */
export function dialErrorText(error: unknown, { host, port }: NodeEndpoint): string {
  const { code = '' } = error as { code?: string };
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const connect = CONNECT[code];
  if (connect !== undefined) return `dial tcp ${address}: ${connect}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${host}: no such host`;
  if (UNTRUSTED.has(code)) {
    return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `tls: failed to verify certificate: x509: ${mismatchText(error, host)}`;
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return errorText(error) === 'socket hang up' ? 'EOF' : `read tcp ${address}: connection reset by peer`;
  }
  return errorText(error);
}

function mismatchText(error: unknown, host: string): string {
  const { subjectaltname = '' } = (error as { cert?: { subjectaltname?: string } }).cert ?? {};
  const names = [...subjectaltname.matchAll(/(?:DNS|IP Address):([^,"]+)/g)].map((match) => match[1]);
  return names.length === 0
    ? `cannot validate certificate for ${host} because it doesn't contain any IP SANs`
    : `certificate is valid for ${names.join(', ')}, not ${host}`;
}
