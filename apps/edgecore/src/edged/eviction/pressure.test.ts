import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assess, NO_PRESSURE, type PressureMemory } from './pressure.ts';
import type { Observation, Signal } from './signals.ts';
import { type EvictionConfig, type Threshold, thresholdAmount, thresholdsOf } from './thresholds.ts';

const NONE: EvictionConfig = {
  evictionHard: {},
  evictionSoft: {},
  evictionSoftGracePeriod: {},
  evictionMinimumReclaim: {},
  enforceAllocatable: false,
};
const MINUTE = 60_000;
const see = (signals: Partial<Record<Signal, readonly [available: number, capacity: number]>>) =>
  new Map(
    Object.entries(signals).map(([signal, [available, capacity]]): [Signal, Observation] => [
      signal as Signal,
      { available, capacity },
    ]),
  );
const parse = (config: Partial<EvictionConfig>, refused: string[] = []): readonly Threshold[] =>
  thresholdsOf({ ...NONE, ...config }, (path, value, problem) => refused.push(`${path}=${value} ${problem}`));

describe('eviction thresholds', () => {
  test('are amounts, percentages, or nothing', () => {
    assert.deepEqual(
      [
        thresholdAmount('100Mi', 1),
        thresholdAmount('10%', 270_553_174_016),
        thresholdAmount(undefined, 5),
        thresholdAmount('x%', 5),
      ],
      [104_857_600, 27_055_317_804, 0, 0],
    );
  });

  test('hard ones act at once, soft ones after their grace; 0% and 100% are off', () => {
    assert.deepEqual(
      parse({
        evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '0%', 'pid.available': '100%' },
        evictionSoft: { 'imagefs.available': '20%' },
        evictionSoftGracePeriod: { 'imagefs.available': '1m30s' },
        evictionMinimumReclaim: { 'imagefs.available': '2Gi' },
      }),
      [
        { signal: 'memory.available', value: '100Mi', graceMs: 0 },
        { signal: 'imagefs.available', value: '20%', graceMs: 90_000, minimumReclaim: '2Gi' },
      ],
    );
  });

  test('the memory of all pods together has the threshold of the node', () => {
    const config = { evictionHard: { 'memory.available': '5%' }, enforceAllocatable: true };
    assert.deepEqual(
      parse(config).map(({ signal, value }) => [signal, value]),
      [
        ['memory.available', '5%'],
        ['allocatableMemory.available', '5%'],
      ],
    );
  });

  test('what cannot be one is left out and named', () => {
    const refused: string[] = [];
    const thresholds = parse(
      {
        evictionHard: {
          'disk.available': '10%',
          'memory.available': 'lots',
          'nodefs.available': '110%',
          'pid.available': '-5',
        },
        evictionSoft: { 'memory.available': '1Gi', 'nodefs.available': '1Gi' },
        evictionSoftGracePeriod: { 'nodefs.available': 'soon' },
      },
      refused,
    );
    assert.deepEqual(thresholds, []);
    assert.deepEqual(refused, [
      'evictionHard.disk.available=10% is no eviction signal',
      'evictionHard.memory.available=lots is neither a quantity above 0 nor a percentage',
      'evictionHard.nodefs.available=110% is neither a quantity above 0 nor a percentage',
      'evictionHard.pid.available=-5 is neither a quantity above 0 nor a percentage',
      'evictionSoft.memory.available=1Gi has no duration in evictionSoftGracePeriod',
      'evictionSoft.nodefs.available=1Gi has no duration in evictionSoftGracePeriod',
    ]);
  });
});

describe('what the node is short of', () => {
  const look = (
    thresholds: readonly Threshold[],
    memory: PressureMemory,
    now: number,
    signals: Parameters<typeof see>[0],
  ) => assess(thresholds, see(signals), memory, now, 5 * MINUTE);
  const due = ({ due }: { due: readonly Threshold[] }) => due.map(({ signal }) => signal);

  test('exactly the threshold is enough, one less is not', () => {
    const thresholds = parse({ evictionHard: { 'memory.available': '100' } });
    assert.deepEqual(look(thresholds, NO_PRESSURE, 0, { 'memory.available': [100, 1000] }).pressures, []);
    const short = look(thresholds, NO_PRESSURE, 0, { 'memory.available': [99, 1000] });
    assert.deepEqual(short.pressures, ['MemoryPressure']);
    assert.deepEqual(due(short), ['memory.available']);
  });

  test('a signal that cannot be seen is no pressure', () => {
    const thresholds = parse({ evictionHard: { 'imagefs.available': '15%' } });
    assert.deepEqual(look(thresholds, NO_PRESSURE, 0, {}).pressures, []);
  });

  test('a soft threshold shows at once and acts after its grace, counted anew after every break', () => {
    const thresholds = parse({
      evictionSoft: { 'nodefs.available': '50%' },
      evictionSoftGracePeriod: { 'nodefs.available': '1m' },
    });
    const low = { 'nodefs.available': [40, 100] } as const;
    const first = look(thresholds, NO_PRESSURE, 0, low);
    assert.deepEqual([first.pressures, due(first)], [['DiskPressure'], []]);
    assert.deepEqual(due(look(thresholds, first.memory, MINUTE, low)), ['nodefs.available']);
    const well = look(thresholds, first.memory, 30_000, { 'nodefs.available': [60, 100] });
    const again = look(thresholds, well.memory, 40_000, low);
    assert.deepEqual(due(look(thresholds, again.memory, 90_000, low)), []);
    assert.deepEqual(due(look(thresholds, again.memory, 100_000, low)), ['nodefs.available']);
  });

  test('a pressure stays for the transition period after its last cause', () => {
    const thresholds = parse({ evictionHard: { 'pid.available': '10' } });
    let { memory } = look(thresholds, NO_PRESSURE, 0, { 'pid.available': [5, 100] });
    const at = (now: number) => {
      const found = look(thresholds, memory, now, { 'pid.available': [50, 100] });
      memory = found.memory;
      return [found.pressures, due(found)];
    };
    assert.deepEqual(at(4 * MINUTE), [['PIDPressure'], []]);
    assert.deepEqual(at(5 * MINUTE), [[], []]);
  });

  test('what was acted upon is not over before the minimum is freed', () => {
    const thresholds = parse({
      evictionHard: { 'nodefs.available': '100' },
      evictionMinimumReclaim: { 'nodefs.available': '50' },
    });
    const at = (memory: PressureMemory, available: number) =>
      look(thresholds, memory, 0, { 'nodefs.available': [available, 1000] });
    assert.deepEqual(due(at(NO_PRESSURE, 120)), []);
    const short = at(NO_PRESSURE, 90);
    const better = at(short.memory, 120);
    assert.deepEqual(due(better), ['nodefs.available']);
    assert.deepEqual(due(at(better.memory, 150)), []);
  });

  test('memory comes before everything else, and all pressures show in the order of the status', () => {
    const thresholds = parse({
      evictionHard: { 'pid.available': '9', 'nodefs.inodesFree': '5%', 'memory.available': '9' },
    });
    const found = look(thresholds, NO_PRESSURE, 0, {
      'pid.available': [1, 100],
      'nodefs.inodesFree': [1, 100],
      'memory.available': [1, 100],
    });
    assert.equal(due(found)[0], 'memory.available');
    assert.deepEqual(found.pressures, ['MemoryPressure', 'DiskPressure', 'PIDPressure']);
  });
});
