import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { container, pod } from '../testing/pods.ts';
import { fieldValue, resourceFieldValue } from './field-path.ts';
import { hasLivingVolumes, referencesOf } from './references.ts';

describe('references to the pod itself', () => {
  const it = pod(
    'web',
    { serviceAccountName: 'sa' },
    { uid: 'u', labels: { a: 'b"c' }, annotations: { z: '1', y: '2' } },
  );
  const ips = { hostIPs: ['192.0.2.1'], podIPs: ['10.0.0.1', 'fd::1'] };
  test('fields', () => {
    const cases: [string, string | undefined][] = [
      ['metadata.name', 'web'],
      ['metadata.namespace', 'default'],
      ['metadata.uid', 'u'],
      ["metadata.labels['a']", 'b"c'],
      ["metadata.labels['none']", ''],
      ["metadata.labels['__proto__']", ''],
      ['metadata.labels', 'a="b\\"c"'],
      ['metadata.annotations', 'y="2"\nz="1"'],
      ['spec.nodeName', 'edge-a'],
      ['spec.serviceAccountName', 'sa'],
      ['status.hostIP', '192.0.2.1'],
      ['status.podIP', '10.0.0.1'],
      ['status.podIPs', '10.0.0.1,fd::1'],
      ['spec.containers', undefined],
    ];
    for (const [path, value] of cases) assert.equal(fieldValue(path, it, ips), value, path);
  });
  test('resources are divided and rounded up; a missing limit is what the node has', () => {
    const c = container('c', { resources: { limits: { cpu: '1500m' }, requests: { memory: '100Mi' } } });
    const node = { cpu: '2', memory: '1Gi' };
    const of = (resource: string, divisor?: string) =>
      resourceFieldValue({ resource, ...(divisor ? { divisor } : {}) }, c, node);
    assert.equal(of('limits.cpu'), '2');
    assert.equal(of('limits.cpu', '1m'), '1500');
    assert.equal(of('requests.cpu', '1m'), '1500');
    assert.equal(of('requests.memory', '1Mi'), '100');
    assert.equal(of('limits.memory', '1Mi'), '1024');
    assert.equal(of('limits.gpu'), undefined);
  });
  test('which ConfigMaps and Secrets it needs', () => {
    const refs = referencesOf(
      pod('x', {
        imagePullSecrets: [{ name: 'pull' }],
        volumes: [
          { name: 'a', configMap: { name: 'cm' } },
          { name: 'b', projected: { sources: [{ secret: { name: 'sec' } }] } },
          { name: 'c', emptyDir: {} },
        ],
        containers: [container('c', { envFrom: [{ configMapRef: { name: 'env' } }] })],
      }),
    );
    assert.deepEqual([...refs.volumes].sort(), ['configmap/cm', 'secret/sec']);
    assert.deepEqual([...refs.all].sort(), ['configmap/cm', 'configmap/env', 'secret/pull', 'secret/sec']);
    assert.ok(!hasLivingVolumes(pod('x', { volumes: [{ name: 'c', emptyDir: {} }] })));
  });
});
