import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Lease } from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import { rfc3339Micro, seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { type ManualClock, manualClock } from '../testing/manual-clock.ts';
import { type MemoryMeta, memoryMeta } from '../testing/memory-meta.ts';
import { T0 } from '../testing/states.ts';
import { createNodeLease, renewed } from './lease.ts';

let clock: ManualClock;
let meta: MemoryMeta;
let stopping: AbortController;
let running: Promise<void> = Promise.resolve();

beforeEach(() => {
  clock = manualClock();
  meta = memoryMeta(() => clock.now());
  stopping = new AbortController();
});
afterEach(async () => {
  stopping.abort(new Error('done'));
  await running;
});

describe('the lease', () => {
  let lost = 0;
  const start = () => {
    const lease = createNodeLease({
      nodeName: 'edge-a',
      leaseSeconds: 40,
      meta,
      nodeUid: () => 'node-uid',
      onLost: () => {
        lost += 1;
      },
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    running = lease.run(stopping.signal);
    return lease;
  };

  test('is renewed every 10 s while connected', async () => {
    start();
    await clock.pass(60_000);
    assert.equal(meta.leases.length, 7);
    assert.equal(meta.leases.at(-1)?.spec?.renewTime, rfc3339Micro(T0 + 60_000));
    assert.equal(meta.leases.at(-1)?.metadata.resourceVersion, '7');
  });

  test('rests while the cloud is away and is renewed at once when it is back', async () => {
    meta.connected = false;
    const lease = start();
    await clock.pass(35_000);
    assert.equal(meta.leases.length, 0);
    meta.connected = true;
    lease.poke();
    await clock.pass(1);
    assert.equal(meta.leases.length, 1);
  });

  test('that the cluster has no more is made anew, and someone is told', async () => {
    start();
    await clock.pass(1);
    assert.equal(lost, 0);
    const put = meta.putLease.bind(meta);
    let failures = 1;
    meta.putLease = async (lease) => {
      if (failures-- <= 0) return put(lease);
      meta.leases.length = 0;
      throw edgecoreErrors.create('EDGE_REMOTE_FAILED', {
        operation: 'update',
        resource: 'l',
        reason: 'NotFound',
        problem: '',
      });
    };
    await clock.pass(12_000);
    assert.equal(meta.leases.length, 1);
    assert.equal(lost, 1);
  });

  test('after a conflict it is read again and renewed within 2 s', async () => {
    start();
    await clock.pass(1);
    const put = meta.putLease.bind(meta);
    let failures = 1;
    meta.putLease = async (lease) => {
      if (failures-- > 0)
        throw edgecoreErrors.create('EDGE_REMOTE_FAILED', {
          operation: 'update',
          resource: 'l',
          reason: 'Conflict',
          problem: '',
        });
      return put(lease);
    };
    await clock.pass(12_000);
    assert.equal(meta.leases.length, 2);
  });

  test('has the form of the recording: created with its owner, renewed with everything it had', () => {
    const created = renewed(undefined, 'edge-a', 40, 'u', 0);
    assert.deepEqual(created.metadata.ownerReferences, [
      { apiVersion: 'v1', kind: 'Node', name: 'edge-a', uid: 'u' },
    ]);
    assert.equal(created.metadata.namespace, 'kube-node-lease');
    const held: Lease = {
      kind: 'Lease',
      apiVersion: 'coordination.k8s.io/v1',
      metadata: { ...created.metadata, uid: 'l', resourceVersion: '514', managedFields: [{}] },
      spec: { holderIdentity: 'edge-a', leaseDurationSeconds: 40, renewTime: 'x' },
    };
    const later = {
      ...held,
      spec: { holderIdentity: 'edge-a', leaseDurationSeconds: 40, renewTime: '2026-11-22T14:08:49.589000Z' },
    };
    assert.deepEqual(renewed(held, 'edge-a', 40, 'u', 1_795_356_529_589), later);
    assert.deepEqual(renewed(held, 'edge-a', 40, undefined, 1_795_356_529_589), later);
  });

  test('of a node that was registered anew belongs to that one', () => {
    const old = renewed(undefined, 'edge-a', 40, 'old', 0);
    assert.deepEqual(
      renewed(old, 'edge-a', 40, 'new', 0).metadata.ownerReferences?.map(({ uid }) => uid),
      ['new'],
    );
  });
});
