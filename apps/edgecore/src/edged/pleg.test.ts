import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ContainerEventResponse, PodSandboxState } from '@kubeedge-ts/cri';
import { criErrors } from '@kubeedge-ts/errors';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createManualClock } from '../edgehub/testing/manual-clock.ts';
import { createPleg, type PlegOptions } from './pleg.ts';

const labels = (uid: string) => ({
  'io.kubernetes.pod.uid': uid,
  'io.kubernetes.pod.name': `pod-${uid}`,
  'io.kubernetes.pod.namespace': 'default',
});

/** A runtime with sandboxes by uid, that may tell events. */
function fakeRuntime() {
  const ready = new Map<string, boolean>();
  let lists = 0;
  let tell: ((event: ContainerEventResponse) => void) | undefined;
  let refuse: (() => void) | undefined;
  let refused = false;
  const cri = {
    listPodSandbox: async () => {
      lists += 1;
      const items = [...ready].map(([uid, is]) => ({
        id: uid,
        state: is ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY,
        labels: labels(uid),
      }));
      return { items };
    },
    listContainers: async () => ({ containers: [] }),
    async *getContainerEvents(_request: object, { signal }: { signal: AbortSignal }) {
      const queue: ContainerEventResponse[] = [];
      let wake = Promise.withResolvers<void>();
      tell = (event) => {
        queue.push(event);
        wake.resolve();
      };
      const refusal = criErrors.create('CRI_FAILED', {
        method: 'GetContainerEvents',
        grpcCode: 'UNIMPLEMENTED',
        problem: 'no such call',
      });
      if (refused) throw refusal;
      refuse = () => wake.reject(refusal);
      signal.addEventListener('abort', () => wake.resolve(), { once: true });
      while (!signal.aborted) {
        await wake.promise;
        wake = Promise.withResolvers();
        yield* queue.splice(0);
      }
    },
  } as unknown as PlegOptions['cri'];
  return {
    cri,
    ready,
    lists: () => lists,
    event: (uid: string) =>
      tell?.({ podSandboxStatus: { labels: labels(uid) } } as unknown as ContainerEventResponse),
    /** From now on there is no such call. */
    refuse: () => {
      refused = true;
      refuse?.();
    },
  };
}

async function withPleg(
  work: (
    rig: ReturnType<typeof fakeRuntime> & { changed: string[]; pass: (ms: number) => Promise<void> },
  ) => Promise<void>,
): Promise<void> {
  const runtime = fakeRuntime();
  const clock = createManualClock();
  const changed: string[] = [];
  const stop = new AbortController();
  const pleg = createPleg({
    cri: runtime.cri,
    clock,
    random: seededRandom(1),
    log: silentLogger,
    onChange: ({ uid }) => changed.push(uid),
    onRelist: () => {},
  });
  const running = pleg.run(stop.signal);
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(500, left));
      await settle();
    }
  };
  await settle();
  try {
    await work({ ...runtime, changed, pass });
  } finally {
    stop.abort();
    clock.advance(1);
    await running;
  }
}

describe('the life-cycle event generator', () => {
  test('lists once a second where the runtime tells no events, and tells whose state changed', () =>
    withPleg(async ({ ready, refuse, lists, changed, pass }) => {
      refuse();
      ready.set('a', true);
      await pass(1_000);
      assert.deepEqual(changed, ['a']);
      await pass(3_000);
      assert.deepEqual(changed, ['a']);
      ready.set('a', false);
      await pass(1_000);
      ready.delete('a');
      await pass(1_000);
      assert.deepEqual(changed, ['a', 'a', 'a']);
      assert.ok(lists() >= 6, `${lists()} lists`);
    }));

  test('hears of a change at once where the runtime tells its events, and lists rarely (a fake runtime: containerd 1.6 tells no events)', () =>
    withPleg(async ({ event, lists, changed, pass }) => {
      event('b');
      await pass(500);
      assert.deepEqual(changed, ['b']);
      const before = lists();
      await pass(30_000);
      assert.ok(lists() - before <= 4, `${lists() - before} lists in half a minute`);
    }));

  test('a runtime that is quiet but has the call is trusted after a while (a fake runtime: containerd 1.6 tells no events)', () =>
    withPleg(async ({ lists, pass }) => {
      await pass(10_000);
      const before = lists();
      await pass(30_000);
      assert.ok(lists() - before <= 4, `${lists() - before} lists in half a minute`);
    }));

  test('the stream breaks: it lists every second again (a fake runtime: containerd 1.6 tells no events)', () =>
    withPleg(async ({ event, refuse, lists, pass }) => {
      event('b');
      await pass(20_000);
      refuse();
      await pass(11_000);
      const before = lists();
      await pass(4_000);
      assert.ok(lists() - before >= 3, `${lists() - before} lists in four seconds`);
    }));

  test('an event of something that is no pod is passed over (a fake runtime: containerd 1.6 tells no events)', () =>
    withPleg(async ({ event, changed, pass }) => {
      event('../x');
      await pass(500);
      assert.deepEqual(changed, []);
    }));
});
