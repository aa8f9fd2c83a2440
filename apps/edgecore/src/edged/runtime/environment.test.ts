import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { container, pod } from '../testing/pods.ts';
import { environmentOf } from './environment.ts';
import { expand } from './expand.ts';
import { dataOf, type ReadReferenced } from './referenced.ts';

const objects: Record<string, object> = {
  'configmap/app': { data: { mode: 'one', 'bad name!': 'x' }, binaryData: { raw: 'AAE=' } },
  'secret/pass': { data: { word: Buffer.from('s3cret').toString('base64') } },
};
const read: ReadReferenced = async (type, name) => {
  const object = objects[`${type}/${name}`];
  return object === undefined ? undefined : dataOf(type, object as Record<string, unknown>);
};
const of = (fields: Partial<Container>) =>
  environmentOf(container('main', fields), {
    pod: pod('web'),
    addresses: { hostIPs: ['192.0.2.1'], podIPs: ['10.0.0.2'] },
    allocatable: { cpu: '2', memory: '1Gi' },
    read,
    service: { host: '169.254.30.10', port: '10550' },
  }).then((map) => Object.fromEntries(map));

describe('the environment of a container', () => {
  test('always ends with the address of the edge API, and has no service variables', async () => {
    assert.deepEqual(await of({}), {
      KUBERNETES_SERVICE_HOST: '169.254.30.10',
      KUBERNETES_SERVICE_PORT: '10550',
    });
  });

  test('envFrom comes first, with its prefix, without impossible names; env overrides and refers to it', async () => {
    const env = await of({
      envFrom: [{ configMapRef: { name: 'app' }, prefix: 'P_' }, { secretRef: { name: 'pass' } }],
      env: [
        { name: 'word', value: 'mine' },
        { name: 'BOTH', value: '$(P_mode)-$(word)-$(LATER)-$$(word)' },
        { name: 'LATER', value: 'x' },
      ],
    });
    assert.equal(env['P_mode'], 'one');
    assert.equal(env['P_bad name!'], undefined);
    assert.equal(env['word'], 'mine');
    assert.equal(env['BOTH'], 'one-mine-$(LATER)-$(word)');
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
      ],
    });
    assert.deepEqual([env['A'], env['B'], env['C'], env['D']], ['one', 's3cret', '10.0.0.2', '1024']);
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
