import type { UnknownObject } from '@kubeedge-ts/apis';
import { API_CLIENT, KUBELET_CLIENT, KUBELET_SERVING } from '../certificates/signers.ts';

const ALL = ['*'];
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const DISCOVERY = [
  '/api',
  '/api/*',
  '/apis',
  '/apis/*',
  '/healthz',
  '/livez',
  '/openapi',
  '/openapi/*',
  '/readyz',
  '/version',
  '/version/',
];
const PUBLIC = ['/healthz', '/livez', '/readyz', '/version', '/version/'];

const VIEWED = [
  {
    apiGroups: [''],
    resources: [
      'configmaps',
      'endpoints',
      'events',
      'persistentvolumeclaims',
      'pods',
      'pods/log',
      'pods/status',
      'serviceaccounts',
      'services',
      'namespaces',
      'bindings',
    ],
  },
  {
    apiGroups: ['apps'],
    resources: [
      'daemonsets',
      'deployments',
      'deployments/scale',
      'replicasets',
      'replicasets/scale',
      'statefulsets',
      'statefulsets/scale',
    ],
  },
  { apiGroups: ['batch'], resources: ['cronjobs', 'jobs'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  { apiGroups: ['metrics.k8s.io'], resources: ['nodes', 'pods'] },
];
const EDITED = [
  {
    apiGroups: [''],
    resources: [
      'configmaps',
      'endpoints',
      'events',
      'persistentvolumeclaims',
      'pods',
      'pods/eviction',
      'secrets',
      'serviceaccounts',
      'serviceaccounts/token',
      'services',
    ],
  },
  {
    apiGroups: ['apps'],
    resources: [
      'daemonsets',
      'deployments',
      'deployments/scale',
      'replicasets',
      'replicasets/scale',
      'statefulsets',
      'statefulsets/scale',
    ],
  },
  { apiGroups: ['batch'], resources: ['cronjobs', 'jobs'] },
];

const STREAMED = ['pods/attach', 'pods/exec', 'pods/portforward'];

const withVerbs = (rules: readonly object[], verbs: readonly string[]): object[] =>
  rules.map((rule) => ({ ...rule, verbs }));
const viewRules = withVerbs(VIEWED, READ);
const editRules = [
  ...viewRules,
  { apiGroups: [''], resources: ['secrets'], verbs: READ },
  { apiGroups: [''], resources: STREAMED, verbs: [...READ, ...WRITE] },
  ...withVerbs(EDITED, WRITE),
];
const adminRules = [
  ...editRules,
  {
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['roles', 'rolebindings'],
    verbs: [...READ, ...WRITE],
  },
  { apiGroups: ['authorization.k8s.io'], resources: ['localsubjectaccessreviews'], verbs: ['create'] },
];

const ROLES: Readonly<Record<string, readonly object[]>> = {
  'cluster-admin': [
    { apiGroups: ALL, resources: ALL, verbs: ALL },
    { nonResourceURLs: ALL, verbs: ALL },
  ],
  admin: adminRules,
  edit: editRules,
  view: viewRules,
  'system:discovery': [{ nonResourceURLs: DISCOVERY, verbs: ['get'] }],
  'system:public-info-viewer': [{ nonResourceURLs: PUBLIC, verbs: ['get'] }],
  'system:basic-user': [
    {
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
      verbs: ['create'],
    },
    { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
  ],
  'system:service-account-issuer-discovery': [
    { nonResourceURLs: ['/.well-known/openid-configuration', '/openid/v1/jwks'], verbs: ['get'] },
  ],
  'system:kubelet-api-admin': [
    { apiGroups: [''], resources: ['nodes'], verbs: READ },
    { apiGroups: [''], resources: ['nodes'], verbs: ['proxy'] },
    {
      apiGroups: [''],
      resources: ['nodes/log', 'nodes/metrics', 'nodes/proxy', 'nodes/stats'],
      verbs: ALL,
    },
  ],
  'system:aggregated-metrics-reader': [
    { apiGroups: ['metrics.k8s.io'], resources: ['nodes', 'pods'], verbs: READ },
  ],
  ...Object.fromEntries(
    [API_CLIENT, KUBELET_CLIENT, KUBELET_SERVING].map((signer) => [
      `system:certificates.k8s.io:${signer.split('/')[1]}-approver`,
      [
        {
          apiGroups: ['certificates.k8s.io'],
          resources: ['signers'],
          resourceNames: [signer],
          verbs: ['approve'],
        },
      ],
    ]),
  ),
  'system:auth-delegator': [
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  ],
};

const BINDINGS: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['system:masters'],
  'system:discovery': ['system:authenticated'],
  'system:public-info-viewer': ['system:authenticated', 'system:unauthenticated'],
  'system:basic-user': ['system:authenticated'],
  'system:service-account-issuer-discovery': ['system:serviceaccounts'],
};

const API = 'rbac.authorization.k8s.io';
const metadata = (name: string) => ({
  name,
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
  annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
});

const READER = 'extension-apiserver-authentication-reader';
const SYSTEM = 'kube-system';

/** Who may read by what other servers of the cluster authenticate. */
const AUTHENTICATION_READER = [
  {
    resource: `roles.${API}`,
    object: {
      kind: 'Role',
      apiVersion: `${API}/v1`,
      metadata: { ...metadata(READER), namespace: SYSTEM },
      rules: [
        {
          apiGroups: [''],
          resources: ['configmaps'],
          resourceNames: ['extension-apiserver-authentication'],
          verbs: READ,
        },
      ],
    },
  },
  {
    resource: `rolebindings.${API}`,
    object: {
      kind: 'RoleBinding',
      apiVersion: `${API}/v1`,
      metadata: { ...metadata(`system::${READER}`), namespace: SYSTEM },
      roleRef: { apiGroup: API, kind: 'Role', name: READER },
      subjects: ['system:kube-controller-manager', 'system:kube-scheduler'].map((name) => ({
        kind: 'User',
        apiGroup: API,
        name,
      })),
    },
  },
];

/** The roles and bindings every cluster starts with, by the resource they belong to. */
export function bootstrapRbac(): readonly { readonly resource: string; readonly object: UnknownObject }[] {
  const roles = Object.entries(ROLES).map(([name, rules]) => ({
    resource: `clusterroles.${API}`,
    object: { kind: 'ClusterRole', apiVersion: `${API}/v1`, metadata: metadata(name), rules },
  }));
  const bindings = Object.entries(BINDINGS).map(([name, groups]) => ({
    resource: `clusterrolebindings.${API}`,
    object: {
      kind: 'ClusterRoleBinding',
      apiVersion: `${API}/v1`,
      metadata: metadata(name),
      roleRef: { apiGroup: API, kind: 'ClusterRole', name },
      subjects: groups.map((group) => ({ kind: 'Group', apiGroup: API, name: group })),
    },
  }));
  return [...roles, ...bindings, ...AUTHENTICATION_READER];
}
