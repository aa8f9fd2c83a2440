const NEWLINE = 10;

export interface LineDecoder {
  /** The lines completed by this chunk, as UTF-8 text, without empty ones. @throws RangeError when a line is longer than allowed */
  push(chunk: Buffer): string[];
}

/** Cuts a byte stream at newlines; characters split between chunks are put together first. */
export function createLineDecoder(maxLineBytes: number): LineDecoder {
  let parts: Buffer[] = [];
  let length = 0;
  const keep = (part: Buffer): void => {
    length += part.length;
    if (length > maxLineBytes) throw new RangeError(`a line is longer than ${maxLineBytes} bytes`);
    if (part.length > 0) parts.push(part);
  };
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        keep(chunk.subarray(start, end));
        const line = (parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, length)).toString(
          'utf8',
        );
        if (line.trim() !== '') lines.push(line);
        parts = [];
        length = 0;
        start = end + 1;
      }
      keep(chunk.subarray(start));
      return lines;
    },
  };
}
