import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJsonPath } from './json-path.ts';
import { applyDefaults, prune } from './structural-schema.ts';
import { validateSchema } from './validate-schema.ts';

const schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 10 },
        mode: { type: 'string', enum: ['auto', 'manual'], default: 'auto' },
        name: { type: 'string', pattern: '^[a-z]+$', maxLength: 5 },
        port: { 'x-kubernetes-int-or-string': true },
        any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        tags: { type: 'object', additionalProperties: { type: 'string' } },
        list: {
          type: 'array',
          maxItems: 2,
          items: { type: 'object', properties: { a: { type: 'number', default: 1 } } },
        },
        maybe: { type: 'string', nullable: true },
      },
    },
  },
};

test('pruning drops what is not declared and keeps what is meant to be free', () => {
  const dropped: string[] = [];
  const value = {
    apiVersion: 'x/v1',
    kind: 'X',
    metadata: { name: 'n', labels: { a: 'b' } },
    spec: { size: 1, junk: 1, any: { x: { y: 1 } }, tags: { free: 'form' }, list: [{ a: 1, b: 2 }] },
    other: true,
  };
  assert.deepEqual(prune(value, schema, dropped), {
    apiVersion: 'x/v1',
    kind: 'X',
    metadata: { name: 'n', labels: { a: 'b' } },
    spec: { size: 1, any: { x: { y: 1 } }, tags: { free: 'form' }, list: [{ a: 1 }] },
  });
  assert.deepEqual(dropped, ['spec.junk', 'spec.list[0].b', 'other']);
});

test('defaults fill what is missing, at every depth, and nothing else', () => {
  const value = { spec: { size: 1, mode: null, list: [{}, { a: 7 }] } };
  applyDefaults(value, schema);
  assert.deepEqual(value, { spec: { size: 1, mode: 'auto', list: [{ a: 1 }, { a: 7 }] } });
});

const findings: readonly [value: object, field: string, text: RegExp][] = [
  [{}, 'spec', /^Required value$/],
  [{ spec: {} }, 'spec.size', /^Required value$/],
  [{ spec: { size: 0 } }, 'spec.size', /should be greater than or equal to 1/],
  [{ spec: { size: 11 } }, 'spec.size', /should be less than or equal to 10/],
  [{ spec: { size: 1.5 } }, 'spec.size', /must be of type integer: "number"/],
  [
    { spec: { size: 1, mode: 'x' } },
    'spec.mode',
    /Unsupported value: "x": supported values: "auto", "manual"/,
  ],
  [{ spec: { size: 1, name: 'A' } }, 'spec.name', /should match '\^\[a-z\]\+\$'/],
  [{ spec: { size: 1, name: 'abcdef' } }, 'spec.name', /Too long: may not be more than 5 bytes/],
  [{ spec: { size: 1, port: true } }, 'spec.port', /must be of type integer,string: "boolean"/],
  [{ spec: { size: 1, tags: { a: 1 } } }, 'spec.tags.a', /must be of type string: "integer"/],
  [{ spec: { size: 1, list: [{}, {}, {}] } }, 'spec.list', /Too many: 3: must have at most 2 items/],
  [{ spec: { size: 1, list: [{ a: 'x' }] } }, 'spec.list[0].a', /must be of type number: "string"/],
  [{ spec: null }, 'spec', /must be of type object: "null"/],
];
for (const [value, field, text] of findings) {
  test(`${JSON.stringify(value)} is found wrong at ${field}`, () => {
    const [first, ...more] = validateSchema(value, schema);
    assert.deepEqual(more, []);
    assert.equal(first?.field, field);
    assert.match(first?.text ?? '', text);
  });
}

test('what fits the schema has no findings', () => {
  const spec = {
    size: 3,
    mode: 'manual',
    name: 'abc',
    port: '80',
    maybe: null,
    list: [{ a: 1.5 }],
    any: { x: [1] },
  };
  assert.deepEqual(validateSchema({ spec }, schema), []);
  assert.deepEqual(validateSchema({ spec: { ...spec, port: 80 } }, schema), []);
});

test('printer columns read paths, indexes, wildcards and filters', () => {
  const value = {
    spec: { size: 2, 'a.b': 'dotted', list: [{ n: 'x' }, { n: 'y' }] },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };
  const cases: [string, unknown[]][] = [
    ['.spec.size', [2]],
    ['{.spec.size}', [2]],
    ['.spec.list[1].n', ['y']],
    ['.spec.list[*].n', ['x', 'y']],
    ["['spec'].size", [2]],
    ['.spec.a\\.b', ['dotted']],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    ['.status.missing.deeper', []],
  ];
  for (const [path, expected] of cases) assert.deepEqual(parseJsonPath(path)?.(value), expected, path);
  assert.equal(parseJsonPath('nonsense('), undefined);
});
