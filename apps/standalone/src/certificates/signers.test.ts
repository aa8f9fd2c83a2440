import assert from 'node:assert/strict';
import { test } from 'node:test';
import { API_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, SIGNERS } from './signers.ts';
import type { AlternativeName, SigningRequest } from './signing-request.ts';

const DNS = { type: 'dns', value: 'edge' } as const;
const IP = { type: 'ip', value: '10.0.0.1' } as const;
const EMAIL = { type: 'email', value: 'a@b.c' } as const;
const URL_NAME = { type: 'url', value: 'spiffe://a' } as const;
const SERVING = ['digital signature', 'key encipherment', 'server auth'];
const CLIENT = ['digital signature', 'key encipherment', 'client auth'];

interface Case {
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  readonly names?: readonly AlternativeName[];
  readonly usages?: readonly string[];
}

function verdict(signer: string, asked: Case): string | undefined {
  const { commonName = 'system:node:n1', organizations = ['system:nodes'], names = [], usages = [] } = asked;
  return SIGNERS[signer]?.(
    { commonName, organizations, names } as unknown as SigningRequest,
    new Set(usages),
  );
}

const cases: readonly [signer: string, asked: Case, problem: string | undefined][] = [
  [KUBELET_SERVING, { names: [DNS], usages: SERVING }, undefined],
  [KUBELET_SERVING, { names: [IP], usages: ['digital signature', 'server auth'] }, undefined],
  [KUBELET_SERVING, { usages: SERVING }, 'DNS or IP subjectAltName is required'],
  [KUBELET_SERVING, { names: [DNS, EMAIL], usages: SERVING }, 'Email subjectAltNames are not allowed'],
  [KUBELET_SERVING, { names: [DNS, URL_NAME], usages: SERVING }, 'URI subjectAltNames are not allowed'],
  [
    KUBELET_SERVING,
    { names: [DNS], usages: [...SERVING, 'client auth'] },
    'usages did not match [digital signature key encipherment server auth]',
  ],
  [
    KUBELET_SERVING,
    { names: [DNS], usages: ['server auth'] },
    'usages did not match [digital signature key encipherment server auth]',
  ],
  [
    KUBELET_SERVING,
    { names: [DNS], usages: SERVING, organizations: ['system:nodes', 'system:masters'] },
    'subject organization is not system:nodes',
  ],
  [
    KUBELET_SERVING,
    { names: [DNS], usages: SERVING, organizations: [] },
    'subject organization is not system:nodes',
  ],
  [
    KUBELET_SERVING,
    { names: [DNS], usages: SERVING, commonName: 'admin' },
    'subject common name does not begin with system:node:',
  ],
  [KUBELET_CLIENT, { usages: CLIENT }, undefined],
  [KUBELET_CLIENT, { usages: ['digital signature', 'client auth'] }, undefined],
  [KUBELET_CLIENT, { usages: CLIENT, names: [DNS] }, 'DNS subjectAltNames are not allowed'],
  [KUBELET_CLIENT, { usages: CLIENT, names: [IP] }, 'IP subjectAltNames are not allowed'],
  [
    KUBELET_CLIENT,
    { usages: SERVING },
    'usages did not match [client auth digital signature key encipherment]',
  ],
  [
    KUBELET_CLIENT,
    { usages: CLIENT, commonName: 'x' },
    'subject common name does not begin with system:node:',
  ],
  [API_CLIENT, { usages: ['client auth'], commonName: 'alice', organizations: [] }, undefined],
  [API_CLIENT, { usages: CLIENT, names: [EMAIL], commonName: 'alice' }, undefined],
  [API_CLIENT, { usages: SERVING }, 'invalid usage for client certificate: server auth'],
  [
    API_CLIENT,
    { usages: ['digital signature'] },
    'missing required usage for client certificate: client auth',
  ],
  [API_CLIENT, { usages: [...CLIENT, 'cert sign'] }, 'invalid usage for client certificate: cert sign'],
];

for (const [signer, asked, problem] of cases) {
  const title = `${signer} ${problem === undefined ? 'signs' : 'refuses'} ${JSON.stringify(asked)}`;
  test(title, () => assert.equal(verdict(signer, asked), problem));
}

test('no other signer is ours', () => {
  assert.deepEqual(Object.keys(SIGNERS), [KUBELET_SERVING, KUBELET_CLIENT, API_CLIENT]);
});
