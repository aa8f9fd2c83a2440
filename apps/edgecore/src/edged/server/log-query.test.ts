import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeEdgeError } from '@kubeedge-ts/errors';
import { parseLogQuery } from './log-query.ts';

const NOW = Date.parse('2026-11-22T14:08:49Z');
const parse = (query: string) => parseLogQuery(new URLSearchParams(query), NOW);

describe('the query of /containerLogs', () => {
  test('nothing asked: everything, once', () => {
    assert.deepEqual(parse(''), { follow: false, previous: false, timestamps: false, stream: 'all' });
  });

  test('everything asked', () => {
    assert.deepEqual(parse('follow=true&previous=1&timestamps=&tailLines=5&limitBytes=9&sinceSeconds=10'), {
      follow: true,
      previous: true,
      timestamps: true,
      stream: 'all',
      tailLines: 5,
      limitBytes: 9,
      sinceMs: NOW - 10_000,
    });
    assert.equal(parse('sinceTime=2026-11-22T15:08:00%2B01:00').sinceMs, NOW - 49_000);
    assert.equal(parse('stream=Stderr').stream, 'stderr');
    assert.deepEqual(parse('follow=False&previous=0').follow, false);
  });

  test('tail is an older name of tailLines, and may be all', () => {
    assert.equal(parse('tail=3&tailLines=7').tailLines, 3);
    assert.equal(parse('tail=all&tailLines=7').tailLines, undefined);
  });

  const refused: [string, number][] = [
    ['tailLines=x', 400],
    ['tailLines=1e3', 400],
    ['limitBytes=99999999999999999999', 400],
    ['sinceTime=yesterday', 400],
    ['sinceTime=2026-13-22T15:08:00Z', 400],
    ['tailLines=-1', 422],
    ['limitBytes=0', 422],
    ['sinceSeconds=0', 422],
    ['sinceSeconds=1&sinceTime=2026-11-22T15:08:00Z', 422],
    ['stream=both', 422],
    ['stream=constructor', 422],
    ['stream=Stdout&tailLines=1', 422],
  ];
  for (const [query, status] of refused) {
    test(`${query} is answered with ${status}`, () => {
      assert.throws(
        () => parse(query),
        (error: KubeEdgeError) => error.code === 'EDGED_REQUEST' && error.details['status'] === status,
      );
    });
  }
});
