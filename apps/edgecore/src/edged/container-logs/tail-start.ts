/** What is needed of a file. */
export interface Readable {
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

const BLOCK_BYTES = 65_536;
const NEWLINE = 0x0a;

/**
 * Offset in the first `size` bytes of the file at which its last `lines` lines begin, found from the end. A last line
 * without its newline is not counted.
 */
export async function tailStart(file: Readable, size: number, lines: number): Promise<number> {
  const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, size));
  let missing = lines + 1;
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - begin, begin);
    for (let at = bytesRead; at > 0; ) {
      at = block.lastIndexOf(NEWLINE, at - 1);
      if (at < 0) break;
      missing -= 1;
      if (missing === 0) return begin + at + 1;
    }
    end = begin;
  }
  return 0;
}
