import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@kubeedge-ts/runtime';
import { settled } from './lib/expectations.ts';
import { startFaultBed } from './lib/fault-bed.ts';
import { historyProblems } from './lib/history.ts';
import { seedsFor, withSeed } from './lib/seeds.ts';
import { createStorm } from './lib/storm.ts';

// Pods, ConfigMaps and statuses while the link fails in every way and both programs are killed: what was seen at the edge
// and in the API in between, and what there is afterwards (DESIGN §2 promise 6, LESSONS A3, A5, A6, M12, M13).

const STEPS = 100;

describe('a storm of changes, link faults and kills', () => {
  for (const seed of seedsFor(1)) {
    test(`loses nothing, reorders nothing, restarts nothing (seed ${seed})`, {
      timeout: 180_000,
    }, async (t) => {
      t.diagnostic(`KUBEEDGE_TS_SEED=${seed}`);
      await withSeed(seed, () => storm(seed, (line) => t.diagnostic(line)));
    });
  }
});

async function storm(seed: number, tell: (line: string) => void): Promise<void> {
  const random = seededRandom(seed);
  const bed = await startFaultBed(`storm-${seed}`, random);
  const done: string[] = [];
  try {
    const { begin, step, exits } = createStorm(bed, random);
    await begin();
    for (let i = 0; i < STEPS; i++) done.push(await step());
    bed.proxy.heal();
    await settled(bed, exits);
    const pod = (key: string): boolean => key.includes('/pod/');
    assert.deepEqual(historyProblems(bed.stored.sightings, { final: pod }), [], 'at the edge');
    assert.deepEqual(historyProblems(bed.reported.sightings, { final: () => true }), [], 'in the API');
    tell(`${bed.stored.sightings.length} changes at the edge, ${bed.reported.sightings.length} in the API`);
  } catch (error) {
    tell(`steps: ${done.join(', ')}`);
    throw error;
  } finally {
    await bed.stop();
  }
}
