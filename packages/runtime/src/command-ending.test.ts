import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CommandEnding, commandEnding } from './command-ending.ts';

const MESSAGE = 'the connection was lost';
const spdyHeaders = { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' };
const socketHeaders = { upgrade: 'websocket', 'sec-websocket-protocol': 'v4.channel.k8s.io' };

const spdyData = (stream: number, text: string, flags = 0): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(stream, 0);
  header[4] = flags;
  header.writeUIntBE(text.length, 5, 3);
  return Buffer.concat([header, Buffer.from(text)]);
};
const spdyReply = Buffer.from([0x80, 3, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1]);
const socketData = (channel: number, text: string): Buffer => {
  const size = text.length + 1;
  const head = size < 126 ? [0x82, size] : [0x82, 126, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([...head, channel]), Buffer.from(text)]);
};

interface Case {
  readonly name: string;
  readonly headers: Record<string, string>;
  /** Output of a command. */
  readonly frames: readonly Buffer[];
  readonly status: Buffer;
  /** The JSON in the last word. */
  readonly read: (word: Buffer) => string;
}
const cases: readonly Case[] = [
  {
    name: 'SPDY',
    headers: spdyHeaders,
    frames: [spdyReply, spdyData(5, 'out'), spdyData(7, 'err'), spdyData(5, 'x'.repeat(300))],
    status: spdyData(1, '{"status":"Success"}'),
    read: (word) => {
      assert.deepEqual([word.readUInt32BE(0), word[4], word.readUIntBE(5, 3)], [1, 1, word.length - 8]);
      return word.subarray(8).toString();
    },
  },
  {
    name: 'WebSocket',
    headers: socketHeaders,
    frames: [socketData(1, 'out'), socketData(2, 'err'), socketData(1, 'x'.repeat(300)), socketData(3, '')],
    status: socketData(3, '{"status":"Success"}'),
    read: (word) => {
      assert.deepEqual([word[0], word[1], word.readUInt16BE(2), word[4]], [0x82, 126, word.length - 8, 3]);
      assert.deepEqual([...word.subarray(-4)], [0x88, 2, 3, 0xe8]);
      return word.subarray(5, -4).toString();
    },
  },
];

for (const { name, headers, frames, status, read } of cases) {
  const fresh = (): CommandEnding => {
    const ending = commandEnding(headers, MESSAGE);
    assert.ok(ending);
    return ending;
  };

  describe(`a command over ${name}`, () => {
    test('is carried unchanged, however its bytes are cut', () => {
      const whole = Buffer.concat([...frames, status]);
      for (let size = 1; size < 40; size++) {
        const ending = fresh();
        const taken: Buffer[] = [];
        for (let at = 0; at < whole.length; at += size)
          taken.push(ending.take(whole.subarray(at, at + size)));
        assert.ok(Buffer.concat(taken).equals(whole), `cut every ${size} bytes`);
        assert.equal(ending.lost().length, 0, 'its status was told');
      }
    });

    test('that is lost ends with a failure, between two frames, once', () => {
      const whole = Buffer.concat(frames);
      for (let size = 0; size <= whole.length; size++) {
        const ending = fresh();
        const taken = ending.take(whole.subarray(0, size));
        let rest = taken;
        for (const frame of frames) if (rest.length >= frame.length) rest = rest.subarray(frame.length);
        assert.equal(rest.length, 0, `${size} bytes: only whole frames`);
        const told = JSON.parse(read(ending.lost()));
        assert.deepEqual([told.kind, told.status, told.message], ['Status', 'Failure', MESSAGE]);
        assert.equal(ending.lost().length, 0);
      }
    });
  });
}

test('a frame too large to be held is passed on in parts; a loss within it cannot be told, one after it can', () => {
  const large = spdyData(5, 'x'.repeat(200_000));
  const ending = commandEnding(spdyHeaders, MESSAGE) as CommandEnding;
  assert.equal(ending.take(large.subarray(0, 150_000)).length, 150_000);
  const within = commandEnding(spdyHeaders, MESSAGE) as CommandEnding;
  within.take(large.subarray(0, 150_000));
  assert.equal(within.lost().length, 0);
  assert.equal(ending.take(large.subarray(150_000)).length, large.length - 150_000);
  assert.notEqual(ending.lost().length, 0);
});

test('an end of the error stream without a word is the status of a command, too', () => {
  const ending = commandEnding(spdyHeaders, MESSAGE) as CommandEnding;
  ending.take(spdyData(1, '', 1));
  assert.equal(ending.lost().length, 0);
});

test('what is no command, or speaks another protocol, has no ending', () => {
  for (const headers of [
    {},
    { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'portforward.k8s.io' },
    { upgrade: 'websocket', 'sec-websocket-protocol': 'v5.channel.k8s.io' },
    { upgrade: 'websocket' },
  ])
    assert.equal(commandEnding(headers, MESSAGE), undefined);
});
