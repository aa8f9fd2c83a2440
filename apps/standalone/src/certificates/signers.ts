import type { SigningRequest } from './signing-request.ts';

/** What a signer takes; undefined when it takes the request, else what is wrong with it. */
type Rule = (request: SigningRequest, usages: ReadonlySet<string>) => string | undefined;

export const KUBELET_SERVING = 'kubernetes.io/kubelet-serving';
export const API_CLIENT = 'kubernetes.io/kube-apiserver-client';
export const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
export const LEGACY_UNKNOWN = 'kubernetes.io/legacy-unknown';

const SIGNATURE = 'digital signature';
const ENCIPHERMENT = 'key encipherment';

/** The signers whose key is the cluster's CA, as kube-controller-manager has them. */
export const SIGNERS: Readonly<Record<string, Rule>> = {
  [KUBELET_SERVING]: (request, usages) =>
    ofNode(request) ??
    (named(request, 'dns') || named(request, 'ip') ? undefined : 'DNS or IP subjectAltName is required') ??
    without(request, 'email') ??
    without(request, 'url') ??
    exactly(usages, 'server auth') ??
    nodeName(request),
  [KUBELET_CLIENT]: (request, usages) =>
    ofNode(request) ??
    without(request, 'dns') ??
    without(request, 'email') ??
    without(request, 'ip') ??
    without(request, 'url') ??
    nodeName(request) ??
    exactly(usages, 'client auth'),
  [API_CLIENT]: (_request, usages) => {
    const other = [...usages].find((usage) => ![SIGNATURE, ENCIPHERMENT, 'client auth'].includes(usage));
    if (other !== undefined) return `invalid usage for client certificate: ${other}`;
    return usages.has('client auth')
      ? undefined
      : 'missing required usage for client certificate: client auth';
  },
};

function ofNode({ organizations }: SigningRequest): string | undefined {
  const only = organizations.length === 1 && organizations[0] === 'system:nodes';
  return only ? undefined : 'subject organization is not system:nodes';
}

function nodeName({ commonName }: SigningRequest): string | undefined {
  return commonName.startsWith('system:node:')
    ? undefined
    : 'subject common name does not begin with system:node:';
}

const WORDS = { dns: 'DNS', email: 'Email', ip: 'IP', url: 'URI' } as const;

function named({ names }: SigningRequest, type: keyof typeof WORDS): boolean {
  return names.some((name) => name.type === type);
}

function without(request: SigningRequest, type: keyof typeof WORDS): string | undefined {
  return named(request, type) ? `${WORDS[type]} subjectAltNames are not allowed` : undefined;
}

/** The purpose and the use of the key, which depends on the kind of key. */
function exactly(usages: ReadonlySet<string>, purpose: string): string | undefined {
  const rest = new Set(usages);
  rest.delete(ENCIPHERMENT);
  const matches = rest.size === 2 && rest.has(SIGNATURE) && rest.has(purpose);
  return matches
    ? undefined
    : `usages did not match [${[SIGNATURE, ENCIPHERMENT, purpose].sort().join(' ')}]`;
}
