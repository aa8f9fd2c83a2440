import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConfigMap, configMaps } from '@kubeedge-ts/apis';
import { createFakeKube, createVirtualClock, type FaultScript, withFaults } from '@kubeedge-ts/kube/testing';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createSelectiveCache } from './selective-cache.ts';
import { seed, settle } from './testing/settle.ts';

const config = (name: string, value: string): ConfigMap => ({
  metadata: { name, namespace: 'shop', uid: `uid-${name}` },
  data: { value },
});
const key = (name: string) => ({ namespace: 'shop', name });

async function cacheOf(faults: FaultScript = () => undefined) {
  const clock = createVirtualClock();
  const kube = createFakeKube({ clock });
  for (const name of ['a', 'b']) seed(kube, configMaps, config(name, '1'));
  const selected = new Set(['a']);
  const changes: string[] = [];
  const stop = new AbortController();
  const cache = createSelectiveCache<ConfigMap, string>(
    {
      kube: withFaults(kube, faults, clock),
      resource: configMaps,
      namespace: 'shop',
      selects: ({ metadata }) => selected.has(metadata.name),
      keep: ({ data }) => data?.['value'] ?? '',
      changed: ({ metadata }) => changes.push(metadata.name),
    },
    { clock, random: seededRandom(1), log: silentLogger },
  );
  cache.start(stop.signal);
  await cache.synced;
  const content = (name: string) => {
    const found = cache.get(key(name));
    return found.state === 'present' ? found.content : found.state;
  };
  const gets = () => kube.calls.filter(({ verb }) => verb === 'get').length;
  return { kube, clock, cache, selected, changes, stop, content, gets };
}

test('selected contents come with the list; of the others only who they are is known', async () => {
  const { cache, content, gets, stop } = await cacheOf();
  assert.equal(content('a'), '1');
  assert.equal(cache.stub(key('b'))?.metadata.uid, 'uid-b');
  assert.deepEqual(Object.keys(cache.stub(key('b')) ?? {}), ['metadata']);
  assert.equal(content('none'), 'absent');
  assert.equal(gets(), 0);
  stop.abort();
});

test('what is selected later is read once and then followed', async () => {
  const { kube, selected, changes, content, gets, stop } = await cacheOf();
  selected.add('b');
  changes.length = 0;
  assert.equal(content('b'), 'unknown');
  assert.equal(content('b'), 'unknown');
  await settle();
  assert.deepEqual(changes, ['b']);
  assert.equal(content('b'), '1');
  kube.put(configMaps, config('b', '2'));
  await settle();
  assert.equal(content('b'), '2');
  assert.equal(gets(), 1);
  stop.abort();
});

test('a read that fails is tried again until it succeeds', async () => {
  let failures = 2;
  const { clock, selected, content, stop } = await cacheOf(({ verb }) =>
    verb === 'get' && failures-- > 0 ? { kind: 'unreachable' } : undefined,
  );
  selected.add('b');
  assert.equal(content('b'), 'unknown');
  await clock.advance(5_000);
  assert.equal(content('b'), '1');
  stop.abort();
});

test('a slow read does not replace what the watch has brought meanwhile', async () => {
  const { kube, clock, selected, content, stop } = await cacheOf(({ verb }) =>
    verb === 'get' ? { kind: 'delay', ms: 1_000 } : undefined,
  );
  selected.add('b');
  assert.equal(content('b'), 'unknown');
  kube.put(configMaps, config('b', 'newer'));
  await settle();
  await clock.advance(2_000);
  assert.equal(content('b'), 'newer');
  stop.abort();
});

test('contents that are no longer selected are let go of, at the sweep or with their next change', async () => {
  const { kube, cache, selected, content, stop } = await cacheOf();
  selected.add('b');
  content('b');
  await settle();
  selected.clear();
  cache.sweep();
  kube.put(configMaps, config('b', '2'));
  await settle();
  selected.add('a');
  assert.equal(content('a'), 'unknown', 'the sweep let go of it');
  stop.abort();
});

test('a deleted object is absent, a re-created one has its new content', async () => {
  const { kube, changes, content, stop } = await cacheOf();
  kube.remove(configMaps, key('a'));
  await settle();
  assert.equal(content('a'), 'absent');
  kube.put(configMaps, config('a', 'again'));
  await settle();
  assert.equal(content('a'), 'again');
  assert.ok(changes.length >= 4);
  stop.abort();
});

test('a lost watch changes nothing that is the same after the new list', async () => {
  const { kube, clock, content, gets, stop } = await cacheOf();
  kube.compact();
  kube.breakWatches();
  await clock.advance(60_000);
  assert.equal(content('a'), '1');
  kube.put(configMaps, config('a', '2'));
  await clock.advance(1_000);
  assert.equal(content('a'), '2');
  assert.equal(gets(), 0);
  stop.abort();
});
