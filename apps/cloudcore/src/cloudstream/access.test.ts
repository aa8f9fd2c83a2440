import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { createAnswerCache } from './answer-cache.ts';
import { createReviews } from './reviews.ts';

describe('answers of the cluster', () => {
  const cacheOf = (options: { maxEntries?: number; maxPending?: number } = {}) => {
    const clock = createVirtualClock();
    const cache = createAnswerCache<boolean>({
      clock,
      holds: (answer) => (answer ? 300_000 : 30_000),
      maxEntries: options.maxEntries ?? 100,
      maxPending: options.maxPending ?? 100,
      overloaded: () => new Error('too many'),
    });
    let asked = 0;
    const ask = (answer: boolean | Error) => async (): Promise<boolean> => {
      asked += 1;
      await Promise.resolve();
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return { clock, cache, ask, asked: () => asked };
  };

  test('hold for their time, a yes longer than a no', async () => {
    const { clock, cache, ask, asked } = cacheOf();
    await cache.get('yes', ask(true));
    await cache.get('no', ask(false));
    await clock.advance(29_000);
    assert.equal(await cache.get('no', ask(true)), false);
    assert.equal(asked(), 2);
    await clock.advance(2_000);
    assert.equal(await cache.get('no', ask(true)), true, 'a right that was given counts soon');
    assert.equal(await cache.get('yes', ask(false)), true);
    await clock.advance(300_000);
    assert.equal(await cache.get('yes', ask(false)), false);
  });

  test('are asked for once however many wait; an error is for those who wait and no longer', async () => {
    const { cache, ask, asked } = cacheOf();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => cache.get('k', ask(new Error('x')))),
    );
    assert.equal(asked(), 1);
    assert.ok(results.every(({ status }) => status === 'rejected'));
    assert.equal(await cache.get('k', ask(true)), true);
  });

  test('are bounded in number, and so are questions', async () => {
    const { cache, ask, asked } = cacheOf({ maxEntries: 10, maxPending: 5 });
    for (let key = 0; key < 100; key++) await cache.get(String(key), ask(true));
    await cache.get('99', ask(true));
    assert.equal(asked(), 100);
    await cache.get('0', ask(true));
    assert.equal(asked(), 101, 'the oldest went');
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => cache.get(`new ${index}`, ask(true))),
    );
    assert.equal(results.filter(({ status }) => status === 'rejected').length, 3);
  });
});

describe('reviews', () => {
  const reviewsOf = (status: number, body: unknown) => {
    const sent: { path: string; spec: unknown }[] = [];
    const kube = {
      request: async (request: { path: string; body?: string | Buffer }) => {
        sent.push({ path: request.path, spec: JSON.parse(String(request.body)).spec });
        return {
          status,
          headers: {},
          body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
        };
      },
    };
    return { sent, reviews: createReviews(kube, new AbortController().signal) };
  };

  test('a token is whom the cluster says it is', async () => {
    const user = { username: 'jane', uid: '7', groups: ['dev', 3], extra: { a: ['b'] }, more: 1 };
    const { sent, reviews } = reviewsOf(201, { status: { authenticated: true, user } });
    assert.deepEqual(await reviews.token('t'), {
      username: 'jane',
      uid: '7',
      groups: ['dev'],
      extra: { a: ['b'] },
    });
    assert.equal(sent[0]?.path, '/apis/authentication.k8s.io/v1/tokenreviews');
    assert.deepEqual(sent[0]?.spec, { token: 't' });
    for (const status of [
      { authenticated: false, user },
      { user },
      {},
      { authenticated: 'true', user },
      { authenticated: true, user: { username: '' } },
    ]) {
      assert.equal(await reviewsOf(201, { status }).reviews.token('t'), undefined);
    }
  });

  test('a right is asked for as a kubelet asks, and only yes is yes', async () => {
    const question = {
      user: { username: 'jane', groups: ['dev'] },
      verb: 'get',
      node: 'edge-a',
      subresource: 'proxy',
    };
    const { sent, reviews } = reviewsOf(201, { status: { allowed: true } });
    assert.equal(await reviews.isAllowed(question), true);
    assert.deepEqual(sent[0]?.spec, {
      user: 'jane',
      groups: ['dev'],
      resourceAttributes: {
        verb: 'get',
        version: 'v1',
        resource: 'nodes',
        subresource: 'proxy',
        name: 'edge-a',
      },
    });
    for (const status of [{ allowed: false }, {}, { allowed: true, denied: true }, { allowed: 'yes' }]) {
      assert.equal(await reviewsOf(201, { status }).reviews.isAllowed(question), false);
    }
  });

  test('anything else than an answer is an error, never a yes', async () => {
    for (const [status, body] of [
      [500, { status: { allowed: true } }],
      [403, 'no'],
      [201, 'null'],
      [201, '[]'],
      [201, '{"status":7}'],
      [201, '{'],
      [201, '{"__proto__":{"status":{"allowed":true}}}'],
    ] as const) {
      await assert.rejects(reviewsOf(status, body).reviews.token('t'), `${status} ${JSON.stringify(body)}`);
    }
  });
});
