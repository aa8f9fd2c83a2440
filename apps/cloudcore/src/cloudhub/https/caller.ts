import type { X509Certificate } from 'node:crypto';
import { describeCertificate, NODE_ORGANIZATION, nodeCommonName, type TokenVerdict } from '@kubeedge-ts/pki';

/** Who asks, as far as it is proven. */
export type Caller =
  | { readonly kind: 'anyone' }
  /** Holds a valid join token; bound to one name when `nodeName` is set. */
  | { readonly kind: 'token'; readonly nodeName?: string }
  /** Holds the key of a node's certificate; `expiredMs` is how long ago it expired, 0 when it has not. */
  | { readonly kind: 'certificate'; readonly nodeName: string; readonly expiredMs: number }
  /** Showed something that does not hold; never treated as `anyone` where an identity is needed. */
  | { readonly kind: 'refused'; readonly reason: string; readonly code?: string };

export interface Credentials {
  /** Of the TLS handshake, which proves that the peer has its key; nothing else has been checked. */
  readonly certificate: X509Certificate | undefined;
  readonly authorization: string | undefined;
}

export interface CallerChecks {
  /** Certificate of the hub CA, the direct issuer of every node certificate. */
  readonly ca: X509Certificate;
  readonly verifyToken: (bearer: string) => TokenVerdict;
  readonly now: number;
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** A certificate decides alone (spec/certificates-and-ports.md §2.3); a token counts when there is none. */
export function identifyCaller({ certificate, authorization }: Credentials, checks: CallerChecks): Caller {
  if (certificate !== undefined) return byCertificate(certificate, checks);
  if (authorization !== undefined) return byToken(authorization, checks);
  return { kind: 'anyone' };
}

function byCertificate(certificate: X509Certificate, { ca, now }: CallerChecks): Caller {
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {
    return refused('the client certificate is not from this cloud');
  }
  if (!(certificate.keyUsage ?? []).includes(CLIENT_AUTH)) {
    return refused('the certificate is not for client authentication');
  }
  const { commonName, organization, notBefore, notAfter } = describeCertificate(certificate);
  const nodeName = commonName.slice(nodeCommonName('').length);
  if (commonName !== nodeCommonName(nodeName) || nodeName === '' || organization !== NODE_ORGANIZATION) {
    return refused('the client certificate does not name a node; enrol with a join token');
  }
  if (now < notBefore) return refused('the client certificate is not valid yet; check the clocks');
  return { kind: 'certificate', nodeName, expiredMs: Math.max(0, now - notAfter) };
}

function byToken(authorization: string, { verifyToken }: CallerChecks): Caller {
  // As upstream: exactly two parts at one space, whatever the first one says.
  const [, bearer, rest] = authorization.split(' ');
  if (bearer === undefined || bearer === '' || rest !== undefined) {
    return refused('header Authorization must be "Bearer <token>"', 'PKI_TOKEN_MALFORMED');
  }
  const verdict = verifyToken(bearer);
  if (verdict.ok) {
    return { kind: 'token', ...(verdict.nodeName === undefined ? {} : { nodeName: verdict.nodeName }) };
  }
  switch (verdict.problem) {
    case 'expired':
      return refused('the join token has expired; get a new one', 'PKI_TOKEN_EXPIRED');
    case 'foreign':
      return refused('the join token was not made by this cloud', 'PKI_TOKEN_FOREIGN');
    case 'malformed':
      return refused('the join token is malformed', 'PKI_TOKEN_MALFORMED');
  }
}

function refused(reason: string, code?: string): Caller {
  return { kind: 'refused', reason, ...(code === undefined ? {} : { code }) };
}
