import type { Socket } from 'node:net';

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines of UTF-8 text. A line above `maxBytes` is never buffered: `onLine` is not called any
 * more and `onTooLong` is, once.
 */
export function createLineReader(
  maxBytes: number,
  onLine: (line: string) => void,
  onTooLong: () => void,
): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let length = 0;
  let failed = false;
  return (chunk) => {
    let start = 0;
    while (!failed) {
      const end = chunk.indexOf(NEWLINE, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      length += piece.length;
      if (length > maxBytes) {
        failed = true;
        parts = [];
        onTooLong();
        return;
      }
      parts.push(piece);
      if (end === -1) return;
      const line = (parts.length === 1 ? piece : Buffer.concat(parts)).toString('utf8');
      parts = [];
      length = 0;
      start = end + 1;
      onLine(line);
    }
  };
}

/** Writes one line; ends the connection of a peer that lets more than `maxUnwritten` bytes pile up. */
export function writeLine(socket: Socket, value: object, maxUnwritten: number): void {
  if (socket.destroyed) return;
  socket.write(`${JSON.stringify(value)}\n`);
  if (socket.writableLength > maxUnwritten) {
    socket.destroy(new Error(`the peer does not read: ${socket.writableLength} bytes wait`));
  }
}
