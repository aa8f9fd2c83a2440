import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tailStart } from './tail-start.ts';

const file = (bytes: Buffer) => ({
  read: async (buffer: Buffer, offset: number, length: number, position: number) => ({
    bytesRead: bytes.copy(buffer, offset, position, position + length),
  }),
});
const tail = async (text: string, lines: number) => {
  const bytes = Buffer.from(text);
  return bytes.subarray(await tailStart(file(bytes), bytes.length, lines)).toString();
};

test('the last lines are found from the end', async () => {
  assert.equal(await tail('a\nb\nc\n', 2), 'b\nc\n');
  assert.equal(await tail('a\nb\nc\n', 0), '');
  assert.equal(await tail('a\nb\nc\n', 3), 'a\nb\nc\n');
  assert.equal(await tail('a\nb\nc\n', 99), 'a\nb\nc\n');
  assert.equal(await tail('', 5), '');
});

test('an unfinished last line is not counted', async () => {
  assert.equal(await tail('a\nb\nrest', 1), 'b\nrest');
});

test('lines longer than a block, and very many lines', async () => {
  const long = `${'x'.repeat(70_000)}\n`;
  assert.equal(await tail(`${long}${long}${long}`, 2), `${long}${long}`);
  const many = Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`);
  assert.equal(await tail(many.join(''), 20_000), many.slice(-20_000).join(''));
});
