import type { Socket } from 'node:net';

/**
 * Follows the packet boundaries of an MQTT stream and reports a packet whose declared length exceeds `limit` before
 * its bytes are buffered. Returns that length; the stream must be closed then.
 */
export function createFrameGuard(limit: number): (chunk: Uint8Array) => number | undefined {
  /** Bytes of the current packet still to come. */
  let rest = 0;
  /** -1: at the first byte of a packet; else the digits of the length read so far. */
  let digits = -1;
  let length = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (rest > 0) {
        const skipped = Math.min(rest, chunk.length - at);
        rest -= skipped;
        at += skipped;
      } else if (digits < 0) {
        digits = 0;
        length = 0;
        at += 1;
      } else {
        const byte = chunk[at] as number;
        at += 1;
        length += (byte & 127) * 128 ** digits;
        digits += 1;
        if (length > limit || digits > 4) return length;
        if (byte < 128) {
          rest = length;
          digits = -1;
        }
      }
    }
    return undefined;
  };
}

/** Puts the guard between a socket and whoever reads from it; `refuse` gets the declared length. */
export function guardSocket(socket: Socket, limit: number, refuse: (size: number) => void): void {
  const guard = createFrameGuard(limit);
  const read = socket.read.bind(socket);
  socket.read = (size?: number) => {
    const chunk: unknown = read(size);
    if (!(chunk instanceof Uint8Array)) return chunk;
    const declared = guard(chunk);
    if (declared === undefined) return chunk;
    refuse(declared);
    socket.destroy();
    return null;
  };
}
