import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pod, parseResource, ROUTES, type RouteName } from '@kubeedge-ts/apis';
import fc from 'fast-check';
import { mayAccess, mayRead, type PodName } from './authorize.ts';

const NODE = 'edge-a';
const mine: readonly Pod[] = [
  {
    metadata: { name: 'till', namespace: 'shop', uid: 'u1' },
    spec: {
      nodeName: NODE,
      serviceAccountName: 'clerk',
      runtimeClassName: 'kata',
      imagePullSecrets: [{ name: 'registry' }],
      containers: [
        {
          name: 'main',
          envFrom: [{ configMapRef: { name: 'env-map' } }],
          env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 'env-secret', key: 'k' } } }],
        },
      ],
      volumes: [
        { name: 'a', configMap: { name: 'vol-map' } },
        { name: 'b', secret: { secretName: 'vol-secret' } },
        {
          name: 'c',
          projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }, { secret: { name: 'proj' } }] },
        },
        { name: 'd', persistentVolumeClaim: { claimName: 'claim' } },
        { name: 'e', csi: { driver: 'inline.example' } },
      ],
    },
  },
];
const named = (name: string, rest: object = {}) => ({ metadata: { name }, ...rest });
const token = (ref: object | undefined) => ({ spec: { boundObjectRef: ref } });
const bound = { kind: 'Pod', name: 'till', uid: 'u1' };
const mirror = (change: object = {}, metadata: object = {}) => ({
  metadata: {
    name: 'static',
    namespace: 'shop',
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    ...metadata,
  },
  spec: { nodeName: NODE, containers: [{ name: 'c', env: [{ name: 'A', value: '1' }] }], ...change },
});
const event = (involvedObject: object) => ({ metadata: { name: 'e' }, involvedObject });

type Row = readonly [allow: boolean, route: RouteName, resource: string, content?: unknown, podNode?: string];
const ROWS: readonly Row[] = [
  [true, 'up.node-insert', 'null/node/edge-a', named(NODE)],
  [false, 'up.node-insert', 'null/node/edge-b', named('edge-b')],
  [false, 'up.node-insert', 'null/node/edge-a', named('edge-b')],
  [false, 'up.node-insert', 'null/node/edge-a', {}],
  [true, 'up.node-update', 'null/node/edge-a', named(NODE)],
  [false, 'up.node-update', 'null/node/edge-b', named('edge-b')],
  [true, 'up.node-query', 'null/node/edge-a'],
  [false, 'up.node-query', 'null/node/edge-b'],
  [false, 'up.node-query', 'null/node'],
  [true, 'up.node-patch', 'null/nodepatch/edge-a', '{}'],
  [false, 'up.node-patch', 'null/nodepatch/edge-b', '{}'],
  [true, 'up.node-status', 'default/nodestatus/edge-a', { Status: {} }],
  [false, 'up.node-status', 'default/nodestatus/edge-b', { Status: {} }],
  [false, 'up.node-status', 'default/nodestatus/edge-a', named('edge-b', { status: {} })],
  [true, 'up.lease', 'kube-node-lease/lease/edge-a', named(NODE)],
  [false, 'up.lease', 'kube-node-lease/lease/edge-b', named('edge-b')],
  [false, 'up.lease', 'kube-node-lease/lease/edge-a', named('edge-b')],
  [false, 'up.lease', 'kube-system/lease/edge-a', named(NODE)],
  [true, 'up.pod-patch', 'shop/podpatch/till', '{}', NODE],
  [true, 'up.pod-patch', 'shop/podpatch/gone', '{}', undefined],
  [false, 'up.pod-patch', 'shop/podpatch/other', '{}', 'edge-b'],
  [false, 'up.pod-delete', 'shop/pod/other', null, 'edge-b'],
  [true, 'up.pod-delete', 'shop/pod/till', null, NODE],
  [false, 'up.pod-status', 'shop/podstatus/other', {}, 'edge-b'],
  [true, 'up.pod-insert', 'shop/pod/static', mirror()],
  [true, 'up.pod-insert', 'shop/pod/static', mirror({}, { ownerReferences: [{ kind: 'Node', name: NODE }] })],
  [
    false,
    'up.pod-insert',
    'shop/pod/static',
    mirror({}, { ownerReferences: [{ kind: 'Node', name: 'edge-b' }] }),
  ],
  [false, 'up.pod-insert', 'shop/pod/static', mirror({}, { annotations: {} })],
  [false, 'up.pod-insert', 'shop/pod/static', mirror({ nodeName: 'edge-b' })],
  [false, 'up.pod-insert', 'shop/pod/other', mirror()],
  [false, 'up.pod-insert', 'kube-system/pod/static', mirror()],
  [false, 'up.pod-insert', 'shop/pod/static', mirror({ serviceAccountName: 'admin' })],
  [false, 'up.pod-insert', 'shop/pod/static', mirror({ imagePullSecrets: [{ name: 's' }] })],
  [
    false,
    'up.pod-insert',
    'shop/pod/static',
    mirror({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }),
  ],
  [
    false,
    'up.pod-insert',
    'shop/pod/static',
    mirror({ volumes: [{ name: 'v', projected: { sources: [] } }] }),
  ],
  [false, 'up.pod-insert', 'shop/pod/static', mirror({ volumes: [{ name: 'v', csi: {} }] })],
  [true, 'up.pod-insert', 'shop/pod/static', mirror({ volumes: [{ name: 'v', hostPath: { path: '/x' } }] })],
  [
    false,
    'up.pod-insert',
    'shop/pod/static',
    mirror({ containers: [{ envFrom: [{ secretRef: { name: 's' } }] }] }),
  ],
  [
    false,
    'up.pod-insert',
    'shop/pod/static',
    mirror({ initContainers: [{ env: [{ valueFrom: { configMapKeyRef: {} } }] }] }),
  ],
  [
    true,
    'up.pod-insert',
    'shop/pod/static',
    mirror({ containers: [{ env: [{ valueFrom: { fieldRef: {} } }] }] }),
  ],
  [false, 'up.pod-insert', 'shop/pod/static', mirror({ volumes: 5 })],
  [false, 'up.pod-insert', 'shop/pod/static', mirror({ containers: [null] })],
  [true, 'up.query', 'shop/configmap/vol-map'],
  [true, 'up.query', 'shop/configmap/env-map'],
  [true, 'up.query', 'shop/configmap/kube-root-ca.crt'],
  [false, 'up.query', 'shop/configmap/other'],
  [false, 'up.query', 'kube-system/configmap/vol-map'],
  [false, 'up.query', 'shop/configmap'],
  [true, 'up.query', 'shop/secret/vol-secret'],
  [true, 'up.query', 'shop/secret/env-secret'],
  [true, 'up.query', 'shop/secret/proj'],
  [true, 'up.query', 'shop/secret/registry'],
  [false, 'up.query', 'shop/secret/vol-map'],
  [false, 'up.query', 'other/secret/vol-secret'],
  [false, 'up.query', 'shop/secret'],
  [true, 'up.query', 'kube-node-lease/lease/edge-a'],
  [false, 'up.query', 'kube-node-lease/lease/edge-b'],
  [true, 'up.query', 'shop/pod/till'],
  [false, 'up.query', 'shop/pod/other'],
  [true, 'up.query', 'shop/persistentvolumeclaim/claim'],
  [false, 'up.query', 'shop/persistentvolumeclaim/other'],
  [false, 'up.query', 'null/persistentvolume'],
  [true, 'up.query', 'null/runtimeclass/kata'],
  [false, 'up.query', 'null/runtimeclass/other'],
  [false, 'up.query', 'null/runtimeclass'],
  [true, 'up.query', 'null/csidriver/inline.example'],
  [false, 'up.query', 'null/csidriver/other.example'],
  [false, 'up.query', 'null/csidriver'],
  [false, 'up.query', 'null/storageclass/fast'],
  [true, 'up.token', 'shop/serviceaccounttoken/clerk', token(bound)],
  [false, 'up.token', 'shop/serviceaccounttoken/admin', token(bound)],
  [false, 'up.token', 'shop/serviceaccounttoken/default', token(bound)],
  [false, 'up.token', 'kube-system/serviceaccounttoken/clerk', token(bound)],
  [false, 'up.token', 'shop/serviceaccounttoken/clerk', token({ ...bound, uid: 'u2' })],
  [false, 'up.token', 'shop/serviceaccounttoken/clerk', token({ ...bound, kind: 'Secret' })],
  [false, 'up.token', 'shop/serviceaccounttoken/clerk', token(undefined)],
  [
    true,
    'up.csr-insert',
    'default/certificatesigningrequest/c',
    { spec: { signerName: 'kubernetes.io/kubelet-serving' } },
  ],
  [
    false,
    'up.csr-insert',
    'default/certificatesigningrequest/c',
    { spec: { signerName: 'kubernetes.io/kube-apiserver-client' } },
  ],
  [true, 'up.event', 'shop/event/e', event({ kind: 'Pod', namespace: 'shop', name: 'till' })],
  [true, 'up.event', 'shop/event/e', { event: event({ kind: 'Pod', namespace: 'shop', name: 'till' }) }],
  [false, 'up.event', 'shop/event/e', event({ kind: 'Pod', namespace: 'shop', name: 'other' })],
  [true, 'up.event', 'default/event/e', event({ kind: 'Node', name: NODE })],
  [false, 'up.event', 'default/event/e', event({ kind: 'Node', name: 'edge-b' })],
  [false, 'up.event', 'default/event/e', event({ kind: 'Pod', namespace: 'shop', name: 'till' })],
  [true, 'up.event', 'shop/event/e', event({ kind: 'Pod', namespace: 'shop', name: 'former', uid: 'u0' })],
  [false, 'up.event', 'shop/event/e', event({ kind: 'Pod', namespace: 'shop', name: 'former', uid: 'u9' })],
  [false, 'up.event', 'shop/event/e', event({ kind: 'Deployment', namespace: 'shop', name: 'till' })],
  [false, 'up.upload', 'a/b'],
  [false, 'up.twin', 'device/n/d/twin/edge_updated'],
];

for (const [allow, route, resource, content = null, podNode] of ROWS) {
  const what = JSON.stringify(content) ?? '';
  test(`${allow ? 'allowed' : 'denied'}: ${route} ${resource} ${what.slice(0, 120)}`, () => {
    const wasBound = ({ name, uid }: PodName) => name === 'former' && uid === 'u0';
    const request = { route, path: parseResource(resource), content, podNode, wasBound };
    assert.equal(mayAccess(NODE, request, mine).allow, allow);
  });
}

test('a node without pods may read nothing but its own lease and node', () => {
  for (const resource of ['shop/configmap/vol-map', 'shop/secret/vol-secret', 'shop/pod/till']) {
    const request = { route: 'up.query' as const, path: parseResource(resource), content: null };
    assert.equal(mayAccess(NODE, request, []).allow, false);
  }
});

const READS: readonly (readonly [boolean, string, unknown])[] = [
  [true, 'persistentvolume', { spec: { claimRef: { namespace: 'shop', name: 'claim' } } }],
  [false, 'persistentvolume', { spec: { claimRef: { namespace: 'other', name: 'claim' } } }],
  [false, 'persistentvolume', { spec: {} }],
  [true, 'volumeattachment', { spec: { nodeName: NODE } }],
  [false, 'volumeattachment', { spec: { nodeName: 'edge-b' } }],
  [true, 'certificatesigningrequest', { spec: { username: `system:node:${NODE}` } }],
  [false, 'certificatesigningrequest', { spec: { username: 'system:node:edge-b' } }],
];
for (const [allow, type, object] of READS) {
  test(`${allow ? 'may' : 'may not'} read ${type} ${JSON.stringify(object)}`, () => {
    assert.equal(mayRead(NODE, type, object, mine).allow, allow);
  });
}

test('no content makes the decision throw, and no garbage is allowed to create a pod', () => {
  const routes = (Object.keys(ROUTES) as RouteName[]).filter((route) => route.startsWith('up.'));
  fc.assert(
    fc.property(fc.constantFrom(...routes), fc.jsonValue(), fc.string(), (route, content, resource) => {
      const verdict = mayAccess(NODE, { route, path: parseResource(resource), content }, mine);
      if (route === 'up.pod-insert') assert.equal(verdict.allow, false);
    }),
  );
});
