import type { Caller } from './caller.ts';

export interface IssueQuestion {
  readonly caller: Caller;
  /** Header `NodeName`. */
  readonly nodeName: string;
  /** Header `ExtKeyUsages`; Go's numbers in a JSON array. */
  readonly extKeyUsages: string | undefined;
}

export type IssueDecision =
  | { readonly kind: 'issue' }
  /** Only if a Node of that name does (`exists` true) or does not exist; otherwise the refusal. */
  | { readonly kind: 'depends'; readonly exists: boolean; readonly otherwise: Refusal }
  | ({ readonly kind: 'refuse' } & Refusal);

export interface Refusal {
  readonly status: number;
  readonly reason: string;
}

/** How long after its end a certificate still proves who asks, as long as its Node exists (LESSONS O5). */
export const EXPIRED_GRACE_MS = 365 * 86_400_000;

const GO_CLIENT_AUTH = '[2]';
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * Whether a certificate for that node is issued (DESIGN §11; statuses of spec/certificates-and-ports.md §2.3).
 * A token that is not bound to a node is in many hands, so it cannot take a name that is already in use; one that has
 * enrolled but never registered has no Node yet and may try again.
 */
export function decideIssue({ caller, nodeName, extKeyUsages }: IssueQuestion): IssueDecision {
  if (caller.kind === 'refused') return refuse(401, caller.reason);
  if (caller.kind === 'anyone') return refuse(401, 'a join token or the client certificate is needed');
  if (!NODE_NAME.test(nodeName)) return refuse(400, 'header NodeName is missing or no node name');
  if (extKeyUsages !== undefined && extKeyUsages.replaceAll(' ', '') !== GO_CLIENT_AUTH) {
    return refuse(403, 'only certificates for client authentication (ExtKeyUsages [2]) are issued');
  }
  return caller.kind === 'certificate' ? forCertificate(caller, nodeName) : forToken(caller, nodeName);
}

function forCertificate(caller: Extract<Caller, { kind: 'certificate' }>, nodeName: string): IssueDecision {
  if (caller.nodeName !== nodeName) {
    return refuse(401, `the client certificate is that of node ${caller.nodeName}, not of ${nodeName}`);
  }
  if (caller.expiredMs === 0) return { kind: 'issue' };
  const expired = { status: 401, reason: 'the client certificate has expired; join again with a token' };
  if (caller.expiredMs > EXPIRED_GRACE_MS) return { kind: 'refuse', ...expired };
  return { kind: 'depends', exists: true, otherwise: expired };
}

function forToken(caller: Extract<Caller, { kind: 'token' }>, nodeName: string): IssueDecision {
  if (caller.nodeName === nodeName) return { kind: 'issue' };
  if (caller.nodeName !== undefined) {
    return refuse(403, `the join token is bound to node ${caller.nodeName}`);
  }
  return {
    kind: 'depends',
    exists: false,
    otherwise: {
      status: 403,
      reason:
        `node ${nodeName} already exists, and this join token is not bound to it: renew with its certificate, ` +
        `use a token made for this node, or run "kubectl delete node ${nodeName}" first`,
    },
  };
}

function refuse(status: number, reason: string): IssueDecision {
  return { kind: 'refuse', status, reason };
}
