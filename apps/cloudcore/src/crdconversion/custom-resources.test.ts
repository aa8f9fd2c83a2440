import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
  type KubeObject,
  type Resource,
} from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type { KubeClient } from '@kubeedge-ts/kube';
import {
  createFakeKube,
  createVirtualClock,
  type FakeKube,
  faultRules,
  withFaults,
} from '@kubeedge-ts/kube/testing';
import { type Clock, seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { ensureCustomResources } from './custom-resources.ts';

const definitions = customResourceDefinitions as unknown as Resource<CustomResourceDefinition>;
const CONVERSION = { url: 'https://10.0.0.5:10002/crdconversion', caBundle: 'Q0E=' };
const NAMES = [
  'devices.devices.kubeedge.io',
  'devicemodels.devices.kubeedge.io',
  'devicestatuses.devices.kubeedge.io',
  'objectsyncs.reliablesyncs.kubeedge.io',
  'clusterobjectsyncs.reliablesyncs.kubeedge.io',
];

/** As an API server does: accepts a definition right after it was written. */
function establishing(kube: FakeKube): KubeClient {
  const accept = <T extends KubeObject>(object: T): T => {
    const status = { conditions: [{ type: 'Established', status: 'True' }] };
    return { ...object, status };
  };
  return { ...kube, create: (resource, object, options) => kube.create(resource, accept(object), options) };
}

const ensure = (kube: KubeClient, clock: Clock = systemClock) =>
  ensureCustomResources({
    kube,
    conversion: CONVERSION,
    clock,
    random: seededRandom(1),
    log: silentLogger,
    signal: new AbortController().signal,
  });

test('absent definitions are created with the webhook of this cloudcore, and left alone the next time', async () => {
  const kube = createFakeKube();
  const created = await ensure(establishing(kube));
  assert.deepEqual(created, Object.fromEntries(NAMES.map((name) => [name, 'created'])));
  const device = await kube.get(definitions, { name: NAMES[0]! });
  assert.deepEqual(device.spec.conversion, {
    strategy: 'Webhook',
    webhook: { clientConfig: CONVERSION, conversionReviewVersions: ['v1'] },
  });
  const version = kube.resourceVersion;
  assert.deepEqual(
    await ensure(establishing(kube)),
    Object.fromEntries(NAMES.map((name) => [name, 'unchanged'])),
  );
  assert.equal(kube.resourceVersion, version);
});

test('a definition of ours that differs is brought up to date, its labels kept', async () => {
  const kube = createFakeKube();
  await ensure(establishing(kube));
  const [device] = kube.objects(definitions).filter(({ metadata }) => metadata.name === NAMES[0]);
  kube.put(definitions, {
    ...device!,
    metadata: { ...device!.metadata, labels: { ...device!.metadata.labels, site: 'x' }, annotations: {} },
    spec: { ...device!.spec, versions: [] },
  });
  assert.equal((await ensure(establishing(kube)))[NAMES[0]!], 'updated');
  const updated = await kube.get(definitions, { name: NAMES[0]! });
  assert.equal(updated.spec.versions.length, 3);
  assert.equal(updated.metadata.labels?.['site'], 'x');
});

test("upstream's definitions are left as they are", async () => {
  const kube = createFakeKube();
  const upstream = {
    metadata: { name: NAMES[0]! },
    spec: { group: 'devices.kubeedge.io' },
    status: { conditions: [{ type: 'Established', status: 'True' }] },
  } as unknown as CustomResourceDefinition;
  const before = kube.put(definitions, upstream);
  const outcome = await ensure(establishing(kube));
  assert.equal(outcome[NAMES[0]!], 'foreign');
  assert.equal(outcome[NAMES[2]!], 'created');
  assert.deepEqual(await kube.get(definitions, { name: NAMES[0]! }), before);
});

test('an API server that is away, and another cloudcore that writes first, are waited for', async () => {
  const kube = createFakeKube();
  const clock = createVirtualClock();
  const faults = faultRules([
    { verb: 'get', times: 3, fault: { kind: 'unreachable' } },
    { verb: 'create', times: 1, fault: { kind: 'lost-answer' } },
  ]);
  const done = ensure(withFaults(establishing(kube), faults), clock);
  await clock.advance(60_000);
  assert.equal((await done)[NAMES[0]!], 'unchanged');
  assert.equal(kube.objects(definitions).length, NAMES.length);
});

test('a definition that is never served ends the start with its condition', async () => {
  const kube = createFakeKube();
  const clock = createVirtualClock();
  const refusing: KubeClient = {
    ...kube,
    create: (resource, object, options) => {
      const conditions = [{ type: 'NamesAccepted', status: 'False', message: 'kind Device is taken' }];
      return kube.create(resource, { ...object, status: { conditions } }, options);
    },
  };
  const done = ensure(refusing, clock).catch((error: unknown) => error);
  await clock.advance(40_000);
  const error = await done;
  assert.ok(isKubeEdgeError(error, 'CONTROLLER_CRD_NOT_ESTABLISHED'));
  assert.match(error.message, /kind Device is taken/);
});
