import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { applyJsonPatch } from './json-patch.ts';
import { createLineDecoder } from './line-decoder.ts';
import { applyMergePatch, createMergePatch, sameJson } from './merge-patch.ts';

describe('a merge patch', () => {
  // RFC 7386, appendix A.
  const cases: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [document, patch, wanted] of cases) {
    test(`${JSON.stringify(patch)} turns ${JSON.stringify(document)} into ${JSON.stringify(wanted)}`, () => {
      const before = structuredClone(document);
      assert.deepEqual(applyMergePatch(document, patch), wanted);
      assert.deepEqual(document, before);
    });
  }

  test('of two documents turns one into the other, and there is none between equal ones', () => {
    const value = fc.letrec((tie) => ({
      json: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(1, 'x', true),
        fc.array(tie('json'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('json'), { maxKeys: 3 }),
      ),
    })).json;
    fc.assert(
      fc.property(value, value, (from, to) => {
        const patch = createMergePatch(from, to);
        if (patch === undefined) assert.ok(sameJson(from, to));
        else assert.ok(sameJson(applyMergePatch(from, patch), to));
        assert.equal(createMergePatch(to, structuredClone(to)), undefined);
      }),
    );
  });

  test('never reaches a prototype', () => {
    const result = applyMergePatch({ a: 1 }, JSON.parse('{"__proto__":{"polluted":1}}')) as object;
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.equal(({} as { polluted?: number }).polluted, undefined);
  });
});

describe('a JSON patch', () => {
  const document = { a: { 'b/c': 1, 'd~e': [1, 2, 3] }, x: null };
  const cases: [string, unknown[], unknown][] = [
    ['adds', [{ op: 'add', path: '/n', value: 1 }], { ...document, n: 1 }],
    ['adds null', [{ op: 'add', path: '/a', value: null }], { a: null, x: null }],
    [
      'inserts',
      [{ op: 'add', path: '/a/d~0e/1', value: 9 }],
      { a: { 'b/c': 1, 'd~e': [1, 9, 2, 3] }, x: null },
    ],
    [
      'appends',
      [{ op: 'add', path: '/a/d~0e/-', value: 9 }],
      { a: { 'b/c': 1, 'd~e': [1, 2, 3, 9] }, x: null },
    ],
    ['removes', [{ op: 'remove', path: '/a' }], { x: null }],
    [
      'replaces',
      [{ op: 'replace', path: '/a/b~1c', value: 2 }],
      { a: { 'b/c': 2, 'd~e': [1, 2, 3] }, x: null },
    ],
    ['replaces all', [{ op: 'replace', path: '', value: 7 }], 7],
    ['moves', [{ op: 'move', from: '/a/b~1c', path: '/y' }], { a: { 'd~e': [1, 2, 3] }, x: null, y: 1 }],
    ['copies', [{ op: 'copy', from: '/a/d~0e', path: '/x' }], { ...document, x: [1, 2, 3] }],
    ['tests', [{ op: 'test', path: '/a/d~0e', value: [1, 2, 3] }], document],
  ];
  for (const [title, operations, wanted] of cases) {
    test(`${title}: ${JSON.stringify(operations)}`, () => {
      const before = structuredClone(document);
      assert.deepEqual(applyJsonPatch(document, operations), wanted);
      assert.deepEqual(document, before);
    });
  }

  test('that does not fit is refused with the operation', () => {
    for (const operation of [
      { op: 'remove', path: '/z' },
      { op: 'replace', path: '/z', value: 1 },
      { op: 'add', path: '/a/d~0e/4', value: 1 },
      { op: 'add', path: '/a/d~0e/01', value: 1 },
      { op: 'add', path: '/a/b~1c/q', value: 1 },
      { op: 'add', path: 'a', value: 1 },
      { op: 'add', path: '/a' },
      { op: 'test', path: '/x', value: 1 },
      { op: 'move', path: '/a/q', from: '/a' },
      { op: 'move', path: '/a/q' },
      { op: 'remove', path: '/constructor/prototype' },
      { op: 'spin', path: '/a' },
      null,
      7,
    ]) {
      assert.throws(
        () => applyJsonPatch(document, [operation]),
        (error) => isKubeEdgeError(error, 'KUBE_PATCH_INVALID'),
      );
    }
  });
});

describe('the line decoder', () => {
  test('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: 'grapheme' }).filter((line) => !line.includes('\n') && line.trim() !== ''),
        ),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const decoder = createLineDecoder(1 << 20);
          const seen: string[] = [];
          for (let offset = 0, i = 0; offset < bytes.length; i++) {
            const end = offset + (cuts[i % cuts.length] as number);
            seen.push(...decoder.push(bytes.subarray(offset, end)));
            offset = end;
          }
          assert.deepEqual(seen, lines);
        },
      ),
    );
  });

  test('refuses a line that is too long before it is complete', () => {
    const decoder = createLineDecoder(10);
    decoder.push(Buffer.from('12345678'));
    assert.throws(() => decoder.push(Buffer.from('901')), RangeError);
  });
});
