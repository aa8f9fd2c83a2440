import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { createParser, type PacketSink } from './parser.ts';
import { createWriter } from './writer.ts';

type Event = readonly unknown[];

function recorder(): { events: Event[]; sink: PacketSink } {
  const events: Event[] = [];
  return {
    events,
    sink: {
      connack: (code) => events.push(['connack', code]),
      publish: (topic, payload, size, qos, flags, id) =>
        events.push(['publish', topic, payload?.toString('hex'), size, qos, flags.retain, flags.dup, id]),
      puback: (id) => events.push(['puback', id]),
      suback: (id, codes) => events.push(['suback', id, codes.toString('hex')]),
      unsuback: (id) => events.push(['unsuback', id]),
      pingresp: () => events.push(['pingresp']),
    },
  };
}

/** Bytes a client writes; PUBLISH and PUBACK look the same from a broker. */
function written(write: (writer: ReturnType<typeof createWriter>) => void): Buffer {
  const chunks: Buffer[] = [];
  const socket = new Writable({
    write(chunk, _, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  const writer = createWriter(socket);
  write(writer);
  writer.flush();
  return Buffer.concat(chunks);
}

function feed(bytes: Buffer, cuts: readonly number[], limit: number): Event[] {
  const { events, sink } = recorder();
  const parser = createParser(limit, sink);
  const points = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...points, bytes.length]) {
    parser.push(bytes.subarray(from, to));
    from = to;
  }
  return events;
}

const packet = fc.oneof(
  fc.record({
    topic: fc.string({ minLength: 1, maxLength: 20 }),
    payload: fc.uint8Array({ maxLength: 300 }),
    qos: fc.constantFrom(0 as const, 1 as const),
    retain: fc.boolean(),
    id: fc.integer({ min: 1, max: 65_535 }),
  }),
  fc.record({ ack: fc.integer({ min: 1, max: 65_535 }) }),
);

test('however the bytes are cut, the same packets come out', () => {
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 12 }), fc.array(fc.nat(4000)), (packets, cuts) => {
      const bytes = written((writer) => {
        for (const one of packets) {
          if ('ack' in one) writer.puback(one.ack);
          else writer.publish(one.topic, one.payload, one.qos, one.retain, one.id);
        }
      });
      const expected = packets.map((one) =>
        'ack' in one
          ? ['puback', one.ack]
          : [
              'publish',
              Buffer.from(one.topic).toString(),
              Buffer.from(one.payload).toString('hex'),
              one.payload.length,
              one.qos,
              one.retain,
              false,
              one.qos === 0 ? 0 : one.id,
            ],
      );
      assert.deepEqual(feed(bytes, cuts, 1000), expected);
    }),
  );
});

test('a payload above the bound is reported by topic and size, skipped, and the next packet is read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 101, max: 40_000 }), fc.array(fc.nat(50_000)), (size, cuts) => {
      const bytes = written((writer) => {
        writer.publish('big', new Uint8Array(size), 1, false, 7);
        writer.publish('next', 'ok', 0, false, 0);
      });
      assert.deepEqual(feed(bytes, cuts, 100), [
        ['publish', 'big', undefined, size, 1, false, false, 7],
        ['publish', 'next', Buffer.from('ok').toString('hex'), 2, 0, false, false, 0],
      ]);
    }),
    { numRuns: 50 },
  );
});

test('a declared length of 256 MiB takes no memory', () => {
  const { events, sink } = recorder();
  const parser = createParser(1000, sink);
  parser.push(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f, 0, 1, 0x61, 0, 9]));
  assert.deepEqual(events, [['publish', 'a', undefined, 268_435_455 - 5, 1, false, false, 9]]);
  const before = process.memoryUsage().arrayBuffers;
  const chunk = Buffer.alloc(65_536);
  for (let i = 0; i < 500; i++) parser.push(chunk);
  assert.ok(process.memoryUsage().arrayBuffers - before < 4_000_000);
});

test('garbage is a typed error or no packet at all, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        createParser(1000, recorder().sink).push(Buffer.from(bytes));
      } catch (error) {
        assert.ok(isKubeEdgeError(error, 'MQTT_PROTOCOL'), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
