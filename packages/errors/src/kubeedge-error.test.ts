import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorText } from './kubeedge-error.ts';

test('the text of an error names every cause once', () => {
  const reset = new Error('connection reset');
  assert.equal(errorText(new Error('cannot read', { cause: reset })), 'cannot read: connection reset');
  assert.equal(
    errorText(new Error('cannot read: connection reset', { cause: reset })),
    'cannot read: connection reset',
  );
  const outer = new Error('no pods', { cause: new Error('cannot read: connection reset', { cause: reset }) });
  assert.equal(errorText(outer), 'no pods: cannot read: connection reset');
});

test('a cause without words adds none', () => {
  assert.equal(errorText(new Error('refused', { cause: { code: 409 } })), 'refused');
});

test('anything that was thrown has a text', () => {
  for (const thrown of [undefined, null, 7, 'text', { a: 1 }])
    assert.equal(errorText(thrown), String(thrown));
});
