import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeTyped } from './decode-typed.ts';
import { canonicalQuantity, parseQuantity } from './quantity.ts';

test('quantities get the form an API server returns', () => {
  const forms: [string | number, string | undefined][] = [
    ['0.5', '500m'],
    [1, '1'],
    ['1000m', '1'],
    ['1024Mi', '1Gi'],
    ['1536Mi', '1536Mi'],
    ['100M', '100M'],
    ['1e3', '1e3'],
    ['0', '0'],
    ['.5', '500m'],
    ['5.', '5'],
    ['-1', '-1'],
    ['100n', '100n'],
    ['', undefined],
    ['1 Gi', undefined],
    ['Gi', undefined],
    ['1GiB', undefined],
  ];
  for (const [input, expected] of forms) assert.equal(canonicalQuantity(input), expected, String(input));
});

test('the canonical form of a quantity is the same amount (property)', () => {
  const suffix = fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi');
  fc.assert(
    fc.property(fc.nat(1_000_000), suffix, (number, unit) => {
      const text = `${number}${unit}`;
      assert.equal(parseQuantity(canonicalQuantity(text)!), parseQuantity(text));
    }),
  );
});

test('fields a type does not know are dropped and named', () => {
  const { value, unknownFields } = decodeTyped('core/v1.Pod', {
    kind: 'Pod',
    bogus: 1,
    spec: { containers: [{ name: 'a', extra: {} }], nodeSelector: {} },
  });
  assert.deepEqual(value, { kind: 'Pod', spec: { containers: [{ name: 'a' }] } });
  assert.deepEqual(unknownFields, ['bogus', 'spec.containers[0].extra']);
});

test('a value of a wrong type is described as Go would', () => {
  const { mismatch } = decodeTyped('core/v1.ConfigMap', { data: { a: 1 } });
  assert.equal(mismatch, 'json: cannot unmarshal number into Go struct field ConfigMap.data of type string');
});

test('times are brought to whole seconds in UTC, micro times are kept', () => {
  const pod = decodeTyped('core/v1.PodStatus', { startTime: '2026-01-01T02:00:00.25+02:00' });
  assert.equal(pod.value['startTime'], '2026-01-01T00:00:00Z');
  const lease = decodeTyped('coordination/v1.LeaseSpec', { renewTime: '2026-01-01T00:00:00.123456Z' });
  assert.equal(lease.value['renewTime'], '2026-01-01T00:00:00.123456Z');
  assert.match(decodeTyped('core/v1.PodStatus', { startTime: 'now' }).mismatch ?? '', /parsing time "now"/);
});

test('any JSON decodes into something, however wrong it is (property)', () => {
  const types = fc.constantFrom('core/v1.Pod', 'core/v1.Node', 'apps/v1.Deployment', 'core/v1.Secret');
  fc.assert(
    fc.property(
      types,
      fc.dictionary(fc.constantFrom('metadata', 'spec', 'status', 'data', 'x'), fc.jsonValue()),
      (type, input) => {
        assert.equal(typeof decodeTyped(type, input).value, 'object');
      },
    ),
  );
});
