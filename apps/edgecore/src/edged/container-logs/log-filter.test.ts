import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createLogFilter, type LogSelection, outputBytesFor } from './log-filter.ts';

/** What comes out when the file is offered in blocks of that size, as a reader with a buffer of `buffer` bytes does. */
function read(file: string | Buffer, selection: LogSelection = {}, block = 4096, buffer = 65_536): string {
  const filter = createLogFilter(selection);
  const input = Buffer.alloc(buffer);
  const output = Buffer.alloc(outputBytesFor(buffer));
  const bytes = Buffer.from(file);
  const text: Buffer[] = [];
  let kept = 0;
  for (let at = 0; at < bytes.length && !filter.full; ) {
    const size = Math.min(block, buffer - kept, bytes.length - at);
    assert.ok(size > 0, 'the filter must not hold a whole buffer back');
    bytes.copy(input, kept, at, at + size);
    at += size;
    const { consumed, produced } = filter.push(input, kept + size, output);
    input.copyWithin(0, consumed, kept + size);
    kept = kept + size - consumed;
    text.push(Buffer.from(output.subarray(0, produced)));
  }
  return Buffer.concat(text).toString();
}

const FILE = [
  '2016-10-06T00:17:09.669794202Z stdout F one',
  '2016-10-06T00:17:10.1Z stderr F two',
  '2016-10-06T00:17:11+02:00 stdout P thr',
  '2016-10-06T00:17:11.5+02:00 stdout F ee',
  '2016-10-06T00:17:12.000000001Z stdout F ',
  '',
].join('\n');

describe('the text of a container log', () => {
  test('heads go, partial lines are joined, an empty line stays one', () => {
    assert.equal(read(FILE), 'one\ntwo\nthree\n\n');
  });

  test('any division into blocks gives the same text', () => {
    const selections: LogSelection[] = [{}, { timestamps: true }, { stream: 'stderr' }, { limitBytes: 9 }];
    for (const selection of selections) {
      const whole = read(FILE, selection);
      for (let block = 1; block < 80; block++) assert.equal(read(FILE, selection, block), whole, `${block}`);
    }
  });

  test('one stream alone', () => {
    assert.equal(read(FILE, { stream: 'stderr' }), 'two\n');
    assert.equal(read(FILE, { stream: 'stdout' }), 'one\nthree\n\n');
  });

  test('time stamps have nine digits of fraction and stand at the beginning of lines only', () => {
    assert.equal(
      read(FILE, { timestamps: true }),
      [
        '2016-10-06T00:17:09.669794202Z one',
        '2016-10-06T00:17:10.100000000Z two',
        '2016-10-06T00:17:11.000000000+02:00 three',
        '2016-10-06T00:17:12.000000001Z ',
        '',
      ].join('\n'),
    );
  });

  test('a partial line of one stream does not take the time stamp of a line of the other', () => {
    const file = [
      '2016-10-06T00:17:09Z stdout P a',
      '2016-10-06T00:17:10Z stderr F b',
      '2016-10-06T00:17:11Z stdout F c',
      '',
    ].join('\n');
    assert.equal(
      read(file, { timestamps: true, stream: 'all' }),
      '2016-10-06T00:17:09.000000000Z a2016-10-06T00:17:10.000000000Z b\nc\n',
    );
  });

  test('what is older than asked is left out, across time zones', () => {
    assert.equal(read(FILE, { sinceMs: Date.parse('2016-10-06T00:17:10Z') }), 'two\n\n');
    assert.equal(read(FILE, { sinceMs: Date.parse('2016-10-05T22:17:11.2Z') }), 'one\ntwo\nee\n\n');
  });

  test('the limit cuts anywhere, time stamps counted', () => {
    assert.equal(read(FILE, { limitBytes: 5 }), 'one\nt');
    assert.equal(read(FILE, { limitBytes: 33, timestamps: true }), '2016-10-06T00:17:09.669794202Z on');
    assert.equal(read(FILE, { limitBytes: 1 }), 'o');
  });

  test('records with several tags, and unknown ones', () => {
    assert.equal(read('2016-10-06T00:17:09Z stdout P:x a\n2016-10-06T00:17:09Z stdout F:y:z b\n'), 'ab\n');
  });

  test('docker’s records are read as well, partial ones too', () => {
    const file = [
      '{"log":"one\\n","stream":"stdout","time":"2016-10-20T18:39:20.57606443Z"}',
      '{"log":"tw","stream":"stderr","time":"2016-10-20T18:39:21Z"}',
      '{"log":"o \\u00fc\\n","stream":"stderr","time":"2016-10-20T18:39:22Z"}',
      '{"log":7}',
      'null',
      '',
    ].join('\n');
    assert.equal(read(file), 'one\ntwo ü\n');
    for (let block = 1; block < 90; block++) assert.equal(read(file, {}, block), 'one\ntwo ü\n');
    assert.equal(
      read(file, { timestamps: true, stream: 'stderr' }),
      '2016-10-20T18:39:21.000000000Z two ü\n',
    );
  });

  test('what is no record is passed over, and the next one is read', () => {
    const file = [
      'nonsense',
      '',
      'a b c d',
      '2016-10-06T00:17:09Z stdwhat F no',
      '2016-10-06 00:17:09Z stdout F no',
      `2016-10-06T00:17:09Z stdout ${'x'.repeat(300)} no`,
      '2016-10-06T00:17:09Z stdout F yes',
      '',
    ].join('\n');
    assert.equal(read(file), 'yes\n');
  });

  test('a record longer than the buffer passes through it', () => {
    const long = 'x'.repeat(100_000);
    assert.equal(read(`2016-10-06T00:17:09Z stdout F ${long}\n`, {}, 4096, 4096), `${long}\n`);
    const junk = `{${long}\n2016-10-06T00:17:09Z stdout F after\n`;
    assert.equal(read(junk, {}, 4096, 4096), 'after\n');
  });

  test('bytes that are no text are handed on as they are', () => {
    const filter = createLogFilter({});
    const line = Buffer.concat([
      Buffer.from('2016-10-06T00:17:09Z stdout F '),
      Buffer.from([0xff, 0, 0xfe, 0x0a]),
    ]);
    const output = Buffer.alloc(outputBytesFor(line.length));
    const { produced } = filter.push(line, line.length, output);
    assert.deepEqual([...output.subarray(0, produced)], [0xff, 0, 0xfe, 0x0a]);
  });

  test('any bytes whatever leave the filter alive and within its bounds', () => {
    const pieces = fc.oneof(
      fc.constantFrom(
        '\n',
        '{',
        '2016-10-06T00:17:09Z ',
        'stdout ',
        'stderr ',
        'F ',
        'P ',
        '"log":"a"}',
        '"',
        ' ',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.array(pieces),
        fc.integer({ min: 1, max: 64 }),
        fc.boolean(),
        (parts, block, timestamps) => {
          const text = read(parts.join(''), { timestamps, sinceMs: 0 }, block, 512);
          assert.equal(typeof text, 'string');
        },
      ),
    );
  });
});
