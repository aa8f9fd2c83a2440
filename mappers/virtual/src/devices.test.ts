import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@kubeedge-ts/mapper-sdk';
import { createDht11 } from './dht11.ts';
import { createFan } from './fan.ts';

const { signal } = new AbortController();

test('the thermometer drifts within its range, in small steps, and the same seed gives the same day', async () => {
  const day = async (seed: number): Promise<number[]> => {
    const driver = createDht11(seededRandom(seed));
    const values: number[] = [];
    for (let second = 0; second < 86_400; second++)
      values.push(Number(await driver.read('temperature', signal)));
    return values;
  };
  const [one, same, other] = await Promise.all([day(1), day(1), day(2)]);
  assert.deepEqual(one, same);
  assert.notDeepEqual(one, other);
  assert.ok(new Set(one).size > 10);
  for (const [index, value] of one.entries()) {
    assert.ok(value >= 15 && value <= 30, `${value}`);
    assert.ok(index === 0 || Math.abs(value - (one[index - 1] as number)) < 1);
  }
  await assert.rejects(createDht11(seededRandom(1)).read('pressure', signal), RangeError);
});

test('the fan takes speeds it can turn at and refuses others', async () => {
  const fan = createFan();
  await fan.write('speed', '1200', signal);
  assert.equal(await fan.read('speed', signal), '1200');
  for (const value of ['-1', '3001', 'fast', '1.5'])
    await assert.rejects(fan.write('speed', value, signal), RangeError);
  assert.equal(await fan.read('speed', signal), '1200');
});
