import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isStale, merged, overlayOf, type ReportedSide, sidesOf, twinList } from './twin-report.ts';

const side = (timestamp: number | undefined, edgeVersion?: number): ReportedSide => ({
  property: {
    value: 'v',
    ...(timestamp === undefined ? {} : { metadata: { timestamp: String(timestamp) } }),
  },
  ...(edgeVersion === undefined ? {} : { edgeVersion }),
});
const HOUR = 3_600_000;

const STALE: readonly (readonly [
  title: string,
  known: ReportedSide | undefined,
  next: ReportedSide,
  stale: boolean,
])[] = [
  ['the first report', undefined, side(5, 1), false],
  ['a later time', side(5, 1), side(6, 2), false],
  ['the same report again', side(5, 1), side(5, 1), false],
  ['an earlier time and an older version', side(6, 2), side(5, 1), true],
  ['an earlier time and no version', side(6, 2), side(5), true],
  ['an earlier time but a newer version: the clock was set back', side(9, 2), side(5, 3), false],
  ['a later time but a smaller version: the store was wiped', side(5, 40), side(6, 1), false],
  ['a little earlier, no version known: sent again after our restart', side(HOUR), side(HOUR - 5, 7), true],
  ['far earlier, no version known: the clock was set back', side(9 * HOUR), side(HOUR, 7), false],
  ['no time at all', side(undefined, 3), side(undefined, 1), false],
];

for (const [title, known, next, stale] of STALE) {
  test(`${title} is ${stale ? 'left out' : 'taken'}`, () => assert.equal(isStale(known, next), stale));
}

test('in whatever order and however often the reports of an edge arrive, the newest value of each side wins', () => {
  const report = fc.record({ name: fc.constantFrom('a', 'b'), at: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(fc.array(report, { minLength: 1, maxLength: 20 }), (reports) => {
      let known = overlayOf([]);
      for (const { name, at } of reports) {
        const twin = {
          actual: { value: String(at), metadata: { timestamp: at } },
          actual_version: { cloud: 0, edge: at },
        };
        known = merged(known, sidesOf({ event_id: '', timestamp: 0, twin: { [name]: twin } }));
      }
      for (const { propertyName, reported } of twinList(known, ['a', 'b'])) {
        const newest = Math.max(...reports.filter(({ name }) => name === propertyName).map(({ at }) => at));
        assert.equal(reported?.value, String(newest));
      }
    }),
  );
});

test('sides that were not reported stay, and the list follows the order of the properties', () => {
  const known = overlayOf([
    { propertyName: 'b', reported: { value: '1' }, observedDesired: { value: '2' } },
    { propertyName: 'gone', reported: { value: 'x' } },
  ]);
  const next = sidesOf({
    event_id: '',
    timestamp: 0,
    twin: { a: { actual: { value: '5' } }, b: { expected: { value: '9' } } },
  });
  assert.deepEqual(twinList(merged(known, next), ['a', 'b']), [
    { propertyName: 'a', reported: { value: '5' } },
    { propertyName: 'b', observedDesired: { value: '9' }, reported: { value: '1' } },
  ]);
});
