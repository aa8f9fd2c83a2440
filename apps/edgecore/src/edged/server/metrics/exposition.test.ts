import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHistogram, exponentialBounds, family, histogramFamily, labelText } from './exposition.ts';

test('a family: help, type, samples with labels, values and times', () => {
  const labels = labelText({ a: 'x', b: 'say "hi"\\\n' });
  assert.equal(
    family('m_total', 'counter', 'What it is.', [
      { labels: '', value: 1 },
      { labels, value: 2.5, at: 1_795_860_000_123.4 },
      { labels: labelText({ a: 'inf' }), value: Number.POSITIVE_INFINITY },
    ]),
    [
      '# HELP m_total What it is.',
      '# TYPE m_total counter',
      'm_total 1',
      'm_total{a="x",b="say \\"hi\\"\\\\\\n"} 2.5 1795860000123',
      'm_total{a="inf"} +Inf',
      '',
    ].join('\n'),
  );
});

test('a family without samples is not there', () => {
  assert.equal(family('m', 'gauge', 'h', []), '');
  assert.equal(histogramFamily('m', 'h', []), '');
});

test('a histogram counts up to each bound, and all', () => {
  const histogram = createHistogram([0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
  assert.equal(
    histogramFamily('m', 'h', [{ labels: { op: 'x' }, histogram }]),
    [
      '# HELP m h',
      '# TYPE m histogram',
      'm_bucket{op="x",le="0.1"} 2',
      'm_bucket{op="x",le="1"} 3',
      'm_bucket{op="x",le="+Inf"} 4',
      'm_sum{op="x"} 7.65',
      'm_count{op="x"} 4',
      '',
    ].join('\n'),
  );
});

test('exponential bounds', () => {
  assert.deepEqual(exponentialBounds(1, 2, 4), [1, 2, 4, 8]);
});
