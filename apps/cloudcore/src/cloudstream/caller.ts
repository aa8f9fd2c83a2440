import type { X509Certificate } from 'node:crypto';
import { describeCertificate, NODE_ORGANIZATION } from '@kubeedge-ts/pki';

/** `authentication.k8s.io` UserInfo. */
export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What a request shows of who sends it, as far as it can be decided without asking the cluster. */
export type Shown =
  | { readonly kind: 'nothing' }
  /** A certificate of the cluster's client CA. */
  | { readonly kind: 'user'; readonly user: UserInfo }
  | { readonly kind: 'token'; readonly token: string }
  /** A certificate of the hub CA: an edge, which has no business here. */
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Credentials {
  /** Of the TLS handshake, which proves that the peer has its key. */
  readonly certificate: X509Certificate | undefined;
  /** Whether it leads to a client CA of the cluster and is within its dates; else why not. */
  readonly verified: boolean;
  readonly problem: string | undefined;
  readonly authorization: string | undefined;
}

export interface CallerChecks {
  readonly hubCa: X509Certificate;
  /** An installation may use the cluster's own CA for its edges; then the subject decides. */
  readonly hubIsClientCa: boolean;
}

const AUTHENTICATED = 'system:authenticated';

/** A certificate decides alone when it is good for anything; else a token counts, as for a kubelet. */
export function shownIdentity(credentials: Credentials, { hubCa, hubIsClientCa }: CallerChecks): Shown {
  const { certificate, verified, problem, authorization } = credentials;
  if (certificate !== undefined) {
    const { commonName, organization } = describeCertificate(certificate);
    const isOfHub = certificate.checkIssued(hubCa) && certificate.verify(hubCa.publicKey);
    if (isOfHub && (!hubIsClientCa || organization === NODE_ORGANIZATION)) {
      return { kind: 'node', name: commonName };
    }
    if (verified && commonName !== '') {
      return {
        kind: 'user',
        user: { username: commonName, groups: [...organizationsOf(certificate), AUTHENTICATED] },
      };
    }
  }
  const token = bearerOf(authorization);
  if (token !== undefined) return { kind: 'token', token };
  if (certificate === undefined) return { kind: 'nothing' };
  return {
    kind: 'refused',
    reason: verified
      ? 'the client certificate names nobody'
      : `client certificate: ${problem ?? 'not valid'}`,
  };
}

function organizationsOf(certificate: X509Certificate): readonly string[] {
  return certificate.subject
    .split('\n')
    .filter((line) => line.startsWith('O='))
    .map((line) => line.slice(2));
}

function bearerOf(authorization: string | undefined): string | undefined {
  const [scheme = '', token = ''] = (authorization ?? '').trim().split(' ', 2);
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}
