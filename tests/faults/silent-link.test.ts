import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { configMaps, pods } from '@kubeedge-ts/apis';
import { seededRandom } from '@kubeedge-ts/runtime';
import { settled } from './lib/expectations.ts';
import { configOf, type FaultBed, podOf, startFaultBed } from './lib/fault-bed.ts';

// A mobile link that loses its peer tells nobody: neither side sees an end (LESSONS A6, A8).

/** Three heartbeats of a second without an answer, the first retry within a second, and the delivery. */
const REPLACED_WITHIN_MS = 8_000;

describe('a link that falls silent', { timeout: 120_000 }, () => {
  let bed: FaultBed;
  let count = 0;

  before(async () => {
    bed = await startFaultBed('silent', seededRandom(1));
    await bed.kube.create(configMaps, configOf('c0', 0));
    await bed.kube.create(pods, podOf(bed.nodeName, 'p0', 'c0'));
    await settled(bed);
  });
  after(() => bed?.stop());

  const change = async (): Promise<void> => {
    const key = { namespace: 'default', name: 'c0' };
    await bed.kube.patch(configMaps, key, { type: 'merge', body: { data: { count: String(++count) } } });
  };

  test('is replaced within seconds, and what was sent into it arrives', async () => {
    const said = bed.log('cloudcore').length;
    bed.proxy.silence();
    await change();
    const startedAt = performance.now();
    await settled(bed, new Map());
    assert.ok(performance.now() - startedAt < REPLACED_WITHIN_MS);
    const connected = bed.log('cloudcore').slice(said);
    assert.match(connected, /"replaced":true.*node connected/, 'the cloud had not noticed, the newest wins');
  });

  test('again and again does no harm to the pods', async () => {
    for (let i = 0; i < 3; i++) {
      bed.proxy.silence();
      await change();
      bed.proxy.reset();
    }
    await settled(bed, new Map());
  });
});
