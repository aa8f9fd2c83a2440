import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import {
  configMaps,
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type Resource,
  ROUTES,
  secrets,
  serviceAccounts,
} from '@kubeedge-ts/apis';
import type { CallOptions } from '@kubeedge-ts/kube';
import { faultRules, withFaults } from '@kubeedge-ts/kube/testing';
import fc from 'fast-check';
import { settle } from '../controllers/testing/settle.ts';
import {
  aClient,
  aPod,
  type EdgeWorldOptions,
  edgeWorld,
  errorOf,
  NODE,
  objectOf,
  put,
  requestOf,
  responseOf,
} from './testing/edge-world.ts';

const clusterScoped = (group: string, plural: string, kind: string): Resource<KubeObject> => ({
  group,
  version: 'v1',
  plural,
  kind,
  namespaced: false,
});
const csiDrivers = clusterScoped('storage.k8s.io', 'csidrivers', 'CSIDriver');
const runtimeClasses = clusterScoped('node.k8s.io', 'runtimeclasses', 'RuntimeClass');
const core = (plural: string, kind: string): Resource<KubeObject> => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced: plural === 'persistentvolumeclaims',
});

test('a node reads what its pods refer to, with type, version and the version in the header', async (t) => {
  const { kube, ask } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aClient('till', 'conf', 'cred'));
      put(kube, configMaps, { metadata: { name: 'conf', namespace: 'shop', uid: 'c' }, data: { a: '1' } });
    },
  });
  const answer = await ask('query', 'shop/configmap/conf');
  const content = answer?.content as KubeObject & { data: object };
  assert.deepEqual([content.kind, content.apiVersion, content.data], ['ConfigMap', 'v1', { a: '1' }]);
  assert.equal(answer?.header.resourceversion, content.metadata.resourceVersion);
  assert.equal(
    kube.calls.filter(({ verb }) => verb === 'get').length,
    0,
    'served from what is followed anyway',
  );
});

test('what does not exist is answered as upstream does', async (t) => {
  const { ask } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aClient('till', 'till-conf', 'cred')),
  });
  assert.deepEqual((await ask('query', 'shop/configmap/till-conf'))?.content, {
    ErrStatus: {
      metadata: {},
      status: 'Failure',
      message: 'configmap "till-conf" not found',
      reason: 'NotFound',
      details: { name: 'till-conf', kind: 'configmap' },
      code: 404,
    },
  });
});

test('a secret no pod of the node refers to is refused, whether it exists or not', async (t) => {
  const { kube, ask } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aClient('till', 'conf', 'cred'));
      put(kube, secrets, { metadata: { name: 'crown-jewels', namespace: 'shop', uid: 's' }, data: {} });
    },
  });
  const [there, absent] = [
    await ask('query', 'shop/secret/crown-jewels'),
    await ask('query', 'shop/secret/nothing'),
  ];
  assert.equal(errorOf(there)?.code, 403);
  assert.equal(errorOf(absent)?.code, 403);
  assert.equal(
    kube.calls.some(({ verb, resource }) => verb === 'get' && resource === 'secrets'),
    false,
  );
});

test('a volume is readable when a claim of one of the node pods is bound to it', async (t) => {
  const volumes = core('persistentvolumes', 'PersistentVolume');
  const volume = (name: string, claim: string) =>
    ({ metadata: { name, uid: name }, spec: { claimRef: { namespace: 'shop', name: claim } } }) as KubeObject;
  const { ask } = await edgeWorld(t, {
    setUp(kube) {
      put(
        kube,
        pods,
        aPod('till', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'mine' } }] }),
      );
      put(kube, volumes, volume('pv-1', 'mine'));
      put(kube, volumes, volume('pv-2', 'theirs'));
    },
  });
  assert.equal(objectOf(await ask('query', 'null/persistentvolume/pv-1')).kind, 'PersistentVolume');
  assert.equal(objectOf(await ask('query', 'default/persistentvolume/pv-1')).metadata.name, 'pv-1');
  assert.equal(errorOf(await ask('query', 'null/persistentvolume/pv-2'))?.code, 403);
});

describe('through the volumes its pods claim', () => {
  const claim = (name: string, volumeName: string): PersistentVolumeClaim => ({
    metadata: { name, namespace: 'shop', uid: `claim-${name}` },
    spec: { volumeName },
  });
  const volume = (name: string, claimName: string, driver: string): PersistentVolume => ({
    metadata: { name, uid: name },
    spec: {
      claimRef: { namespace: 'shop', name: claimName },
      csi: {
        driver,
        volumeHandle: name,
        nodePublishSecretRef: { namespace: 'storage', name: `${driver}-login` },
      },
    },
  });
  const driver = (name: string): KubeObject => ({ metadata: { name, uid: name } });
  const world = (t: TestContext, wrap?: EdgeWorldOptions['wrap']) =>
    edgeWorld(t, {
      setUp(kube) {
        const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'mine' } }];
        put(kube, pods, aPod('till', { volumes }));
        put(kube, persistentVolumeClaims, claim('mine', 'pv-1'));
        put(kube, persistentVolumes, volume('pv-1', 'mine', 'nfs.example'));
        put(kube, persistentVolumeClaims, claim('theirs', 'pv-2'));
        put(kube, persistentVolumes, volume('pv-2', 'theirs', 'smb.example'));
        for (const name of ['nfs.example', 'smb.example']) {
          put(kube, csiDrivers, driver(name));
          put(kube, secrets, {
            metadata: { name: `${name}-login`, namespace: 'storage', uid: name },
            data: {},
          });
        }
      },
      ...(wrap === undefined ? {} : { wrap }),
    });

  test('a node reads the driver and the secrets its plugin is given, and those of no other volume', async (t) => {
    const { kube, ask } = await world(t);
    assert.equal(objectOf(await ask('query', 'null/csidriver/nfs.example')).kind, 'CSIDriver');
    assert.equal(objectOf(await ask('query', 'storage/secret/nfs.example-login')).kind, 'Secret');
    const reads = kube.calls.length;
    for (const other of ['null/csidriver/smb.example', 'storage/secret/smb.example-login']) {
      assert.equal(errorOf(await ask('query', other))?.code, 403, other);
    }
    assert.equal(kube.calls.length, reads, 'asking again does not make cloudcore read again');
  });

  test('a claim that says another volume is its own opens nothing', async (t) => {
    const { kube, clock, ask } = await world(t);
    kube.put(persistentVolumeClaims, claim('mine', 'pv-2'));
    await clock.advance(10_000);
    assert.equal(errorOf(await ask('query', 'null/csidriver/smb.example'))?.code, 403);
  });

  test('what could not be read is read at the next request', async (t) => {
    const rule = { verb: 'get', resource: 'persistentvolumes', fault: { kind: 'unreachable' } } as const;
    const { ask } = await world(t, (kube, clock) => withFaults(kube, faultRules([rule]), clock));
    assert.equal(errorOf(await ask('query', 'null/csidriver/nfs.example'))?.code, 503);
    assert.equal(objectOf(await ask('query', 'null/csidriver/nfs.example')).kind, 'CSIDriver');
  });
});

test('a runtime class that a pod of the node asks for is readable', async (t) => {
  const { ask } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aPod('till', { runtimeClassName: 'kata' }));
      put(kube, runtimeClasses, { metadata: { name: 'kata', uid: 'k' } });
    },
  });
  const answer = await ask('query', 'null/runtimeclass/kata');
  assert.deepEqual([objectOf(answer).kind, objectOf(answer).apiVersion], ['RuntimeClass', 'node.k8s.io/v1']);
});

test('a token is issued for the service account of a pod of the node, bound to that pod', async (t) => {
  const { kube, ask } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aPod('till', { serviceAccountName: 'clerk' }));
      for (const name of ['clerk', 'admin'])
        put(kube, serviceAccounts, { metadata: { name, namespace: 'shop', uid: name } });
    },
  });
  const spec = {
    audiences: null,
    expirationSeconds: 3607,
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'till', uid: 'uid-till' },
  };
  const answer = await ask('query', 'shop/serviceaccounttoken/clerk', { metadata: {}, spec });
  const issued = answer?.content as KubeObject & { status: { token: string } };
  assert.match(issued.status.token, /^token-/);
  assert.deepEqual(issued.metadata, { name: 'clerk', namespace: 'shop' });
  assert.equal(answer?.header.resourceversion, undefined);
  assert.equal(errorOf(await ask('query', 'shop/serviceaccounttoken/admin', { spec }))?.code, 403);
  assert.equal(kube.calls.filter(({ subresource }) => subresource === 'token').length, 1);
});

test('a signing request is made in the name of the node', async (t) => {
  let options: CallOptions | undefined;
  const { ask } = await edgeWorld(t, {
    wrap: (kube) => ({
      ...kube,
      create: (resource, object, callOptions) => {
        options = callOptions;
        return kube.create(resource, object, callOptions);
      },
    }),
  });
  const spec = { signerName: 'kubernetes.io/kubelet-serving', request: 'x', usages: [] };
  const answer = await ask('insert', 'default/certificatesigningrequest/csr-1', {
    metadata: { name: 'csr-1' },
    spec,
  });
  assert.equal(responseOf(answer).Err, null);
  assert.deepEqual(options?.impersonate, {
    user: `system:node:${NODE}`,
    groups: ['system:nodes', 'system:authenticated'],
  });
});

test('an API server that is away is said to be, in the form each request expects', async (t) => {
  const { ask } = await edgeWorld(t, {
    setUp: (kube) =>
      void put(
        kube,
        pods,
        aPod('till', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
      ),
    wrap: (kube, clock) =>
      withFaults(
        kube,
        ({ verb }) =>
          ['get', 'create', 'update', 'patch', 'delete'].includes(verb) ? { kind: 'unreachable' } : undefined,
        clock,
      ),
  });
  assert.equal(errorOf(await ask('query', 'shop/persistentvolumeclaim/c'))?.code, 503);
  const lease = { metadata: { name: NODE, namespace: 'kube-node-lease' } };
  const renewed = responseOf(await ask('update', `kube-node-lease/lease/${NODE}`, lease));
  assert.equal(renewed.Err?.ErrStatus.code, 503);
  const patched = responseOf(await ask('patch', 'shop/podpatch/till', '{"status":{}}'));
  assert.equal(patched.Err?.ErrStatus.code, 503);
  assert.equal(errorOf(await ask('delete', 'shop/pod/till', 'uid-till'))?.code, 503);
});

test('a request that comes before the caches are filled waits; one that waited too long is refused', async (t) => {
  const slow = { verb: 'list', resource: 'pods', fault: { kind: 'delay', ms: 10_000 } } as const;
  const world = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aPod('till')),
    wrap: (kube, clock) => withFaults(kube, faultRules([slow]), clock),
    settled: false,
    options: { readyMs: 5_000 },
  });
  const late = requestOf('query', 'shop/pod/till');
  await world.controller.upstream.receive(NODE, late);
  await world.controller.upstream.receive(NODE, requestOf('query', `null/node/${NODE}`));
  await settle();
  assert.equal(world.downstream.posted.length, 1, 'what a node asks about itself does not wait');
  await world.clock.advance(5_100);
  assert.equal(errorOf(world.downstream.answerTo(late))?.code, 503);
  const patient = requestOf('query', 'shop/pod/till');
  await world.controller.upstream.receive(NODE, patient);
  await world.clock.advance(4_950);
  assert.equal(objectOf(world.downstream.answerTo(patient)).kind, 'Pod');
});

test('whatever a node sends on whatever route, it gets an answer or none, and the next request works', async (t) => {
  const { ask, controller } = await edgeWorld(t, { setUp: (kube) => void put(kube, pods, aPod('till')) });
  const types = [...new Set(Object.values(ROUTES).flatMap(({ types }) => [...types]))].filter(
    (type) => type !== '*',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('insert', 'update', 'patch', 'query', 'delete'),
      fc.constantFrom(...types),
      fc.constantFrom('till', NODE, 'edge-b', ''),
      fc.jsonValue(),
      async (operation, type, name, content) => {
        const request = requestOf(operation, `shop/${type}/${name}`, content);
        try {
          await controller.upstream.receive(NODE, request);
        } catch (error) {
          assert.match((error as { code: string }).code, /^MESSAGE_/);
        }
        await controller.idle();
      },
    ),
    { numRuns: 300 },
  );
  assert.equal(objectOf(await ask('query', `null/node/${NODE}`)).kind, 'Node');
});
