import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { container, pod } from '../testing/pods.ts';
import { qosOf } from './qos.ts';

describe('quality of service', () => {
  const of = (...resources: object[]) =>
    qosOf(pod('x', { containers: resources.map((r, i) => container(`c${i}`, { resources: r })) }));
  test('Guaranteed needs equal limits and requests of both everywhere; nothing at all is BestEffort', () => {
    const full = { limits: { cpu: '1', memory: '1Gi' } };
    assert.equal(of({}), 'BestEffort');
    assert.equal(of(full), 'Guaranteed');
    assert.equal(
      of(full, { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '0.5', memory: '1024Mi' } }),
      'Guaranteed',
    );
    assert.equal(of(full, {}), 'Burstable');
    assert.equal(of({ requests: { cpu: '1' } }), 'Burstable');
    assert.equal(of({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }), 'Burstable');
  });
});
