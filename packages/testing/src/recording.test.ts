import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createNormaliser, readRecording } from './recording.ts';

const file = new URL('../../../tests/fixtures/upstream-wire/cloudhub-websocket.jsonl', import.meta.url);
const A = '5f10ff45-792e-4472-aace-54fa3d01b6b8';
const B = '78e0f4e8-22be-4660-81d9-0b270036d040';

test('the recording is read in order, with both connections and without empty frames', () => {
  const entries = readRecording(file);
  assert.equal(entries.filter(({ kind }) => kind === 'connect').length, 2);
  assert.equal(entries[0]?.kind, 'connect');
  const messages = entries.flatMap((entry) => (entry.kind === 'message' ? [entry] : []));
  assert.equal(messages[0]?.from, 'edge');
  assert.equal(messages[0]?.message.route.operation, 'keepalive');
  assert.ok(messages.every(({ message }) => message.header.msg_id !== ''));
});

describe('two runs are compared', () => {
  const equal = (one: unknown, other: unknown): void =>
    assert.deepEqual(createNormaliser()(one), createNormaliser()(other));
  const different = (one: unknown, other: unknown): void =>
    assert.notDeepEqual(createNormaliser()(one), createNormaliser()(other));

  test('ids differ, but what refers to the same id must go on doing so', () => {
    equal({ a: A, b: `edge-go.${A}` }, { a: B, b: `edge-go.${B}` });
    different({ a: A, b: A }, { a: A, b: B });
  });

  test('times, versions, tokens and certificates are not compared', () => {
    equal(
      { timestamp: 1, at: '2026-01-01T00:00:00Z', resourceVersion: '5', token: '<jwt>', ca: '-----BEGIN X' },
      {
        timestamp: 2,
        at: '2026-01-02T10:00:00.123Z',
        resourceVersion: '6',
        token: 'ey.a.b',
        ca: '-----BEGIN Y',
      },
    );
  });

  test('JSON within strings is compared as JSON, managedFields not at all', () => {
    equal({ patch: '{"a":1,"b":2}' }, { patch: '{"b":2,"a":1}', managedFields: [1] });
    different({ patch: '{"a":1}' }, { patch: '{"a":2}' });
    different({ text: '{not json' }, { text: '{also not' });
  });
});
