import type { Writable } from 'node:stream';

/** Encodes packets of a client into one growing chunk per tick, so that many small packets cost one system call. */
export interface PacketWriter {
  connect(options: {
    clientId: string;
    cleanSession: boolean;
    username?: string;
    password?: string;
    keepaliveS: number;
    will?: { topic: string; payload: string; qos: 0 | 1; retain: boolean };
  }): void;
  publish(topic: string, payload: string | Uint8Array, qos: 0 | 1, retain: boolean, id: number): void;
  puback(id: number): void;
  subscribe(id: number, filters: readonly string[], qos: 0 | 1): void;
  unsubscribe(id: number, filters: readonly string[]): void;
  pingreq(): void;
  disconnect(): void;
  /** Writes out what was encoded in this tick. */
  flush(): void;
}

const CHUNK = 32_768;

export function createWriter(socket: Writable): PacketWriter {
  let chunk = Buffer.allocUnsafe(CHUNK);
  let start = 0;
  let used = 0;
  let scheduled = false;

  const flush = (): void => {
    scheduled = false;
    if (used > start && !socket.destroyed) socket.write(chunk.subarray(start, used));
    start = used;
  };

  const reserve = (bytes: number): void => {
    if (used + bytes > chunk.length) {
      flush();
      chunk = Buffer.allocUnsafe(Math.max(CHUNK, bytes));
      start = 0;
      used = 0;
    }
    if (!scheduled) {
      scheduled = true;
      process.nextTick(flush);
    }
  };

  const header = (first: number, length: number): void => {
    reserve(5 + length);
    chunk[used++] = first;
    let rest = length;
    do {
      const digit = rest & 127;
      rest >>>= 7;
      chunk[used++] = rest > 0 ? digit | 128 : digit;
    } while (rest > 0);
  };
  const uint16 = (value: number): void => {
    chunk[used++] = value >> 8;
    chunk[used++] = value & 255;
  };
  const text = (value: string): void => {
    const bytes = chunk.write(value, used + 2);
    uint16(bytes);
    used += bytes;
  };
  const bodyOf = (payload: string | Uint8Array, bytes: number): void => {
    if (typeof payload === 'string') chunk.write(payload, used);
    else chunk.set(payload, used);
    used += bytes;
  };
  const lengthOf = (value: string): number => 2 + Buffer.byteLength(value);

  return {
    connect({ clientId, cleanSession, username, password, keepaliveS, will }) {
      const fields = [clientId, ...(will ? [will.topic, will.payload] : []), username, password].filter(
        (field) => field !== undefined,
      );
      header(0x10, 10 + fields.reduce((sum, field) => sum + lengthOf(field), 0));
      text('MQTT');
      chunk[used++] = 4;
      chunk[used++] =
        (cleanSession ? 2 : 0) |
        (will ? 4 | (will.qos << 3) | (will.retain ? 32 : 0) : 0) |
        (password === undefined ? 0 : 64) |
        (username === undefined ? 0 : 128);
      uint16(keepaliveS);
      for (const field of fields) text(field);
    },
    publish(topic, payload, qos, retain, id) {
      const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
      header(0x30 | (qos << 1) | (retain ? 1 : 0), lengthOf(topic) + (qos === 0 ? 0 : 2) + bytes);
      text(topic);
      if (qos !== 0) uint16(id);
      bodyOf(payload, bytes);
    },
    puback(id) {
      header(0x40, 2);
      uint16(id);
    },
    subscribe(id, filters, qos) {
      header(0x82, 2 + filters.reduce((sum, filter) => sum + lengthOf(filter) + 1, 0));
      uint16(id);
      for (const filter of filters) {
        text(filter);
        chunk[used++] = qos;
      }
    },
    unsubscribe(id, filters) {
      header(0xa2, 2 + filters.reduce((sum, filter) => sum + lengthOf(filter), 0));
      uint16(id);
      for (const filter of filters) text(filter);
    },
    pingreq: () => header(0xc0, 0),
    disconnect: () => header(0xe0, 0),
    flush,
  };
}
