import type { UnknownObject } from '@kubeedge-ts/apis';

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

const withVerbs = (rules: readonly object[], verbs: readonly string[]): object[] =>
  rules.map((rule) => ({ ...rule, verbs }));
const viewRules = withVerbs(VIEWED, READ);
const editRules = [
  ...viewRules,
  { apiGroups: [''], resources: ['secrets'], verbs: READ },
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
  return [...roles, ...bindings];
}
