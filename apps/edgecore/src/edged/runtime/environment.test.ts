import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { container, pod } from '../testing/pods.ts';
import { type EnvironmentContext, environmentOf } from './environment.ts';
import { expand } from './expand.ts';
import { dataOf, type ReadReferenced } from './referenced.ts';

const objects: Record<string, object> = {
  'configmap/app': { data: { mode: 'one', 'bad name!': 'x' }, binaryData: { raw: 'AAE=' } },
  'secret/pass': { data: { word: Buffer.from('s3cret').toString('base64') } },
  'secret/odd': { stringData: { '1st': 'x', '..': 'x', '..x': 'x', ok: 'x' } },
};
const read: ReadReferenced = async (type, name) => {
  const object = objects[`${type}/${name}`];
  return object === undefined ? undefined : dataOf(type, object as Record<string, unknown>);
};
const API = { host: '169.254.30.10', port: '10550' };
const services = new Map([
  ['DB_SERVICE_HOST', '10.0.0.7'],
  ['KUBERNETES_SERVICE_HOST', '10.0.0.1'],
  ['KUBERNETES_SERVICE_PORT', '443'],
]);
const environment = (fields: Partial<Container>, more: Partial<EnvironmentContext> = {}) =>
  environmentOf(container('main', fields), {
    pod: pod('web', { initContainers: [container('init', { resources: { limits: { cpu: '3' } } })] }),
    addresses: { hostIPs: ['192.0.2.1'], podIPs: ['10.0.0.2'] },
    allocatable: { cpu: '2', memory: '1Gi' },
    read,
    services: new Map(),
    service: API,
    ...more,
  });
const of = async (fields: Partial<Container>, more?: Partial<EnvironmentContext>) =>
  Object.fromEntries((await environment(fields, more)).values);

describe('the environment of a container', () => {
  test('always has the address of the edge API, which nothing can hide', async () => {
    const expected = { KUBERNETES_SERVICE_HOST: API.host, KUBERNETES_SERVICE_PORT: API.port };
    assert.deepEqual(await of({}), expected);
    const env = [{ name: 'KUBERNETES_SERVICE_HOST', value: 'elsewhere' }];
    assert.deepEqual(await of({ env }), expected);
  });

  test("without MetaServer: the container's own, else the cluster's, else empty", async () => {
    const service = { host: '', port: '' };
    assert.deepEqual(await of({}, { service }), { KUBERNETES_SERVICE_HOST: '', KUBERNETES_SERVICE_PORT: '' });
    const known = await of({}, { service, services });
    assert.equal(known['KUBERNETES_SERVICE_HOST'], '10.0.0.1');
    const env = [{ name: 'KUBERNETES_SERVICE_HOST', value: 'mine' }];
    assert.equal((await of({ env }, { service, services }))['KUBERNETES_SERVICE_HOST'], 'mine');
  });

  test('envFrom comes first, with its prefix; env overrides and refers to it', async () => {
    const env = await of({
      envFrom: [{ configMapRef: { name: 'app' }, prefix: 'P_' }, { secretRef: { name: 'pass' } }],
      env: [
        { name: 'word', value: 'mine' },
        { name: 'BOTH', value: '$(P_mode)-$(word)-$(LATER)-$$(word)' },
        { name: 'LATER', value: 'x' },
      ],
    });
    assert.equal(env['P_mode'], 'one');
    assert.equal(env['word'], 'mine');
    assert.equal(env['BOTH'], 'one-mine-$(LATER)-$(word)');
  });

  test('variables of services come last, can be referred to, and give way to the container’s own', async () => {
    const env = await of(
      {
        env: [
          { name: 'URL', value: 'tcp://$(DB_SERVICE_HOST)/$(KUBERNETES_SERVICE_HOST)' },
          { name: 'DB_SERVICE_HOST', value: 'localhost' },
          { name: 'AFTER', value: '$(DB_SERVICE_HOST)' },
        ],
      },
      { services },
    );
    assert.equal(env['URL'], `tcp://10.0.0.7/${API.host}`);
    assert.equal(env['DB_SERVICE_HOST'], 'localhost');
    assert.equal(env['AFTER'], 'localhost');
    assert.equal(env['KUBERNETES_SERVICE_HOST'], API.host);
  });

  test('keys that are no names of variables, and values that are no text, are left out and told', async () => {
    const { values, skipped } = await environment({
      envFrom: [
        { configMapRef: { name: 'app' }, prefix: 'P_' },
        { secretRef: { name: 'odd' } },
        { secretRef: { name: 'pass' } },
      ],
    });
    assert.deepEqual([...values.keys()].sort(), [
      'KUBERNETES_SERVICE_HOST',
      'KUBERNETES_SERVICE_PORT',
      'P_mode',
      'ok',
      'word',
    ]);
    assert.deepEqual(skipped, [
      'Keys [P_bad name!, P_raw] from the EnvFrom configMap default/app were skipped since they are considered invalid environment variable names.',
      'Keys [.., ..x, 1st] from the EnvFrom secret default/odd were skipped since they are considered invalid environment variable names.',
    ]);
  });

  test('references to keys, fields and resources', async () => {
    const env = await of({
      resources: { limits: { cpu: '1500m' } },
      env: [
        { name: 'A', valueFrom: { configMapKeyRef: { name: 'app', key: 'mode' } } },
        { name: 'B', valueFrom: { secretKeyRef: { name: 'pass', key: 'word' } } },
        { name: 'C', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'D', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        { name: 'E', valueFrom: { configMapKeyRef: { name: 'none', key: 'x', optional: true } } },
        { name: 'F', valueFrom: { configMapKeyRef: { name: 'app', key: 'none', optional: true } } },
        { name: 'G', valueFrom: { resourceFieldRef: { containerName: 'init', resource: 'limits.cpu' } } },
      ],
    });
    assert.deepEqual([env['A'], env['B'], env['C'], env['D']], ['one', 's3cret', '10.0.0.2', '1024']);
    assert.equal(env['G'], '3');
    assert.ok(!('E' in env) && !('F' in env));
  });

  const missing: [Partial<Container>, string][] = [
    [{ envFrom: [{ configMapRef: { name: 'none' } }] }, 'configmap "none" not found'],
    [
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'x' } } }] },
      'secret "none" not found',
    ],
    [
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'app', key: 'x' } } }] },
      "couldn't find key x in ConfigMap default/app",
    ],
    [
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }] },
      'unsupported fieldPath: spec.x',
    ],
    [
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'app', key: 'raw' } } }] },
      'key raw in ConfigMap default/app is not text, a variable cannot hold it',
    ],
    [
      { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } }] },
      'unsupported container resource: limits.gpu',
    ],
    [
      {
        env: [
          { name: 'A', valueFrom: { resourceFieldRef: { containerName: 'none', resource: 'limits.cpu' } } },
        ],
      },
      'container none not found',
    ],
  ];
  for (const [fields, problem] of missing) {
    test(`CreateContainerConfigError: ${problem}`, async () => {
      await assert.rejects(of(fields), (error) => {
        assert.ok(isKubeEdgeError(error, 'EDGED_CONTAINER_CONFIG'));
        assert.equal(error.message, problem);
        assert.equal(error.details['reason'], 'CreateContainerConfigError');
        return true;
      });
    });
  }

  test('objects that are no objects have no data', () => {
    for (const bad of [{ data: null }, { data: [] }, { data: { a: 1 } }, { binaryData: 'x' }, {}]) {
      assert.equal(dataOf('configmap', bad).size, 0);
    }
  });
});

describe('expansion', () => {
  test('names, escapes and what stays as it is', () => {
    const values: Record<string, string> = { A: '1', B: '$(A)' };
    const cases: [string, string][] = [
      ['$(A)', '1'],
      ['$(B)', '$(A)'],
      ['$$(A)', '$(A)'],
      ['$$$(A)', '$1'],
      ['$(NONE)', '$(NONE)'],
      ['$(A', '$(A'],
      ['$A $', '$A $'],
      ['a$(A)b$(A)', 'a1b1'],
      ['$()', '$()'],
    ];
    for (const [text, expected] of cases)
      assert.equal(
        expand(text, (name) => values[name]),
        expected,
        text,
      );
  });
  test('text without a dollar is never changed', () => {
    fc.assert(
      fc.property(
        fc.string().filter((s) => !s.includes('$')),
        (s) => expand(s, () => 'x') === s,
      ),
    );
  });
});
