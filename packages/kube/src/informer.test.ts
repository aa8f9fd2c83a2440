import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ConfigMap, configMaps } from '@kubeedge-ts/apis';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import fc from 'fast-check';
import { createInformer } from './informer.ts';
import { createFakeKube, type FakeKube } from './testing/fake-kube.ts';
import { type FaultScript, faultRules, withFaults } from './testing/faults.ts';
import { createVirtualClock } from './testing/virtual-clock.ts';
import type { InformerOptions } from './types.ts';

const config = (name: string, value = '1', labels: Record<string, string> = {}): ConfigMap => ({
  metadata: { name, namespace: 'a', labels },
  data: { value },
});

function setup(
  kube: FakeKube,
  script: FaultScript = () => undefined,
  options: InformerOptions<ConfigMap> = {},
) {
  const clock = createVirtualClock();
  const client = withFaults(kube, script, clock);
  const stop = new AbortController();
  const log: string[] = [];
  const informer = createInformer(client, configMaps, options, {
    clock,
    random: seededRandom(3),
    log: silentLogger,
  });
  informer.subscribe({
    added: (object, initial) => log.push(`${initial ? 'initial' : 'added'} ${object.metadata.name}`),
    updated: (object) => log.push(`updated ${object.metadata.name}=${object.data?.['value']}`),
    deleted: (object) => log.push(`deleted ${object.metadata.name}`),
  });
  informer.start(stop.signal);
  return { clock, informer, log, stop: () => stop.abort(new Error('test over')) };
}
const verbs = (kube: FakeKube, verb: string) => kube.calls.filter((call) => call.verb === verb);

describe('an informer', () => {
  test('lists in pages, says so, then follows changes', async () => {
    const kube = createFakeKube({ maxPage: 2 });
    for (const name of ['a', 'b', 'c']) kube.put(configMaps, config(name));
    const { clock, informer, log, stop } = setup(kube);
    await clock.advance(0);
    assert.equal(informer.hasSynced, true);
    kube.put(configMaps, config('b', '2'));
    kube.put(configMaps, config('d'));
    kube.remove(configMaps, { namespace: 'a', name: 'a' });
    await clock.advance(0);
    stop();
    assert.equal(verbs(kube, 'list').length, 2);
    assert.deepEqual(log, ['initial a', 'initial b', 'initial c', 'updated b=2', 'added d', 'deleted a']);
    assert.equal(informer.resourceVersion, kube.resourceVersion);
  });

  test('continues from the last version after a break and after a normal end, without a list', async () => {
    const kube = createFakeKube();
    kube.put(configMaps, config('a'));
    const { clock, informer, log, stop } = setup(kube);
    await clock.advance(0);
    kube.put(configMaps, config('a', '2'));
    await clock.advance(0);
    const seen = informer.resourceVersion;
    kube.breakWatches();
    await clock.advance(0);
    kube.put(configMaps, config('a', '3'));
    await clock.advance(2000);
    kube.endWatches();
    kube.put(configMaps, config('b'));
    await clock.advance(2000);
    stop();
    assert.equal(verbs(kube, 'list').length, 1);
    assert.equal(verbs(kube, 'watch')[1]?.body, seen);
    assert.deepEqual(log, ['initial a', 'updated a=2', 'updated a=3', 'added b']);
  });

  test('a bookmark moves the position, so that a compaction does no harm', async () => {
    const kube = createFakeKube();
    const { clock, informer, stop } = setup(kube, undefined, { namespace: 'a' });
    await clock.advance(0);
    kube.put(configMaps, { metadata: { name: 'x', namespace: 'elsewhere' } });
    kube.bookmark();
    await clock.advance(0);
    assert.equal(informer.resourceVersion, kube.resourceVersion);
    kube.compact();
    kube.breakWatches();
    await clock.advance(2000);
    stop();
    assert.equal(verbs(kube, 'list').length, 1);
    assert.equal(verbs(kube, 'watch').length, 2);
  });

  test('on 410 lists again and reports exactly the difference', async () => {
    const kube = createFakeKube();
    for (const name of ['kept', 'changed', 'gone', 'reborn']) kube.put(configMaps, config(name));
    const { clock, log, stop } = setup(kube);
    await clock.advance(0);
    log.length = 0;
    kube.breakWatches();
    kube.put(configMaps, config('changed', '2'));
    kube.put(configMaps, config('new'));
    kube.remove(configMaps, { namespace: 'a', name: 'gone' });
    kube.remove(configMaps, { namespace: 'a', name: 'reborn' });
    kube.put(configMaps, config('reborn'));
    kube.compact();
    await clock.advance(5000);
    stop();
    assert.deepEqual(log.toSorted(), [
      'added new',
      'added reborn',
      'deleted gone',
      'deleted reborn',
      'updated changed=2',
    ]);
    assert.ok(log.indexOf('deleted reborn') < log.indexOf('added reborn'));
  });

  test('a 410 in the middle of a paged list starts the list over', async () => {
    const kube = createFakeKube({ maxPage: 1 });
    for (const name of ['a', 'b']) kube.put(configMaps, config(name));
    const script = faultRules([{ verb: 'list', skip: 1, fault: { kind: 'status', code: 410 } }]);
    const { clock, log, stop } = setup(kube, script);
    await clock.advance(5000);
    stop();
    assert.deepEqual(log, ['initial a', 'initial b']);
  });

  test('never gives up: errors of any kind are retried with growing, bounded delays', async () => {
    const kube = createFakeKube();
    const at: number[] = []; // of lists
    const faults = ['unreachable', 'lost-answer'] as const;
    const script: FaultScript = (call) => {
      if (call.verb === 'list') at.push(clock.monotonic());
      if (call.attempt > 12) return undefined;
      return call.attempt % 3 === 0
        ? { kind: 'status', code: 403 }
        : { kind: faults[call.attempt % 2] as 'unreachable' };
    };
    const { clock, informer, stop } = setup(kube, script);
    await clock.advance(10 * 60_000);
    assert.equal(informer.hasSynced, true);
    stop();
    const delays = at.slice(1, 13).map((time, index) => time - (at[index] as number));
    assert.ok(delays.every((delay) => delay >= 400 && delay <= 30_000));
    assert.ok((delays.at(-1) as number) >= 15_000);
  });

  test('a server that answers 410 to every watch is not hammered', async () => {
    const kube = createFakeKube();
    const script: FaultScript = ({ verb }) => (verb === 'watch' ? { kind: 'status', code: 410 } : undefined);
    const { clock, stop } = setup(kube, script);
    await clock.advance(60_000);
    stop();
    assert.ok(verbs(kube, 'list').length < 12, `${verbs(kube, 'list').length} lists in a minute`);
  });

  test('the same event twice is one change', async () => {
    const kube = createFakeKube();
    const script: FaultScript = ({ verb }) => (verb === 'watch' ? { kind: 'watch-duplicate' } : undefined);
    const { clock, log, stop } = setup(kube, script);
    await clock.advance(0);
    kube.put(configMaps, config('a'));
    kube.put(configMaps, config('a', '2'));
    kube.remove(configMaps, { namespace: 'a', name: 'a' });
    await clock.advance(0);
    stop();
    assert.deepEqual(log, ['added a', 'updated a=2', 'deleted a']);
  });

  test('keeps what the transform leaves, answers by index, and replays to late subscribers', async () => {
    const kube = createFakeKube();
    kube.put(configMaps, config('a', '1', { app: 'x' }));
    const { clock, informer, stop } = setup(kube, undefined, {
      transform: ({ data: _data, ...rest }) => rest,
      indexes: { app: (object) => Object.values(object.metadata.labels ?? {}) },
    });
    await clock.advance(0);
    kube.put(configMaps, config('b', '1', { app: 'x' }));
    kube.put(configMaps, config('a', '1', { app: 'y' }));
    await clock.advance(0);
    assert.equal(informer.get({ namespace: 'a', name: 'a' })?.data, undefined);
    assert.deepEqual(
      informer.byIndex('app', 'x').map((object) => object.metadata.name),
      ['b'],
    );
    const late: string[] = [];
    informer.subscribe({ added: (object, initial) => late.push(`${object.metadata.name} ${initial}`) });
    stop();
    assert.deepEqual(late, ['a true', 'b true']);
  });

  test('a handler that throws takes nothing from the others', async () => {
    const kube = createFakeKube();
    const { clock, informer, log, stop } = setup(kube);
    informer.subscribe({
      added: () => {
        throw new Error('broken handler');
      },
    });
    const last: string[] = [];
    informer.subscribe({ added: (object) => last.push(object.metadata.name) });
    await clock.advance(0);
    kube.put(configMaps, config('a'));
    kube.put(configMaps, config('b'));
    await clock.advance(0);
    stop();
    assert.deepEqual(log, ['added a', 'added b']);
    assert.deepEqual(last, ['a', 'b']);
    assert.equal(kube.openWatches, 1);
  });

  test('stops following when its signal aborts', async () => {
    const kube = createFakeKube();
    const { clock, stop } = setup(kube);
    await clock.advance(0);
    assert.equal(kube.openWatches, 1);
    stop();
    await clock.advance(60_000);
    assert.equal(kube.openWatches, 0);
    assert.equal(clock.pending, 0);
  });

  test('its cache, and what it told, converge to the server under random faults', async () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ put: name, value: fc.nat(9) }) },
      { weight: 3, arbitrary: fc.record({ remove: name }) },
      { weight: 3, arbitrary: fc.record({ wait: fc.nat(3000) }) },
      {
        weight: 2,
        arbitrary: fc.record({ control: fc.constantFrom('break', 'end', 'compact', 'bookmark') }),
      },
    );
    const fault = fc.constantFrom(
      { kind: 'unreachable' },
      { kind: 'status', code: 500 },
      { kind: 'status', code: 410 },
      { kind: 'watch-break', afterEvents: 1 },
      { kind: 'watch-end', afterEvents: 2 },
      { kind: 'watch-gone', afterEvents: 1 },
      { kind: 'watch-duplicate' },
      undefined,
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(fault, { maxLength: 12 }),
        async (steps, faults) => {
          const kube = createFakeKube({ maxPage: 2 });
          let call = 0;
          const { clock, informer, stop } = setup(kube, () => faults[call++] as never);
          const told = new Map<string, string | undefined>();
          informer.subscribe({
            added: (object) => {
              assert.ok(!told.has(object.metadata.name), 'added twice');
              told.set(object.metadata.name, object.metadata.resourceVersion);
            },
            updated: (object, previous) => {
              assert.equal(told.get(object.metadata.name), previous.metadata.resourceVersion);
              assert.equal(object.metadata.uid, previous.metadata.uid);
              told.set(object.metadata.name, object.metadata.resourceVersion);
            },
            deleted: (object) => assert.ok(told.delete(object.metadata.name), 'deleted twice'),
          });
          for (const action of steps) {
            if ('put' in action) kube.put(configMaps, config(action.put, String(action.value)));
            else if ('remove' in action) kube.remove(configMaps, { namespace: 'a', name: action.remove });
            else if ('wait' in action) await clock.advance(action.wait);
            else if (action.control === 'break') kube.breakWatches();
            else if (action.control === 'end') kube.endWatches();
            else if (action.control === 'compact') kube.compact();
            else kube.bookmark();
          }
          await clock.advance(15 * 60_000);
          stop();
          const byName = (a: ConfigMap, b: ConfigMap) => (a.metadata.name < b.metadata.name ? -1 : 1);
          const wanted = kube.objects(configMaps);
          assert.deepEqual(informer.list().toSorted(byName), wanted);
          assert.deepEqual(
            [...told].toSorted(([a], [b]) => (a < b ? -1 : 1)),
            wanted.map((object) => [object.metadata.name, object.metadata.resourceVersion]),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
