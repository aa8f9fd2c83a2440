import { failure, type GrpcFailure } from './status.ts';

const PREFIX_BYTES = 5;

/** One message as it travels: flag byte, length, bytes. */
export function frame(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  out.writeUInt8(0, 0);
  out.writeUInt32BE(message.length, 1);
  out.set(message, PREFIX_BYTES);
  return out;
}

/** Cuts a byte stream into messages. A message is refused by its declared length, before it is buffered. */
export class Deframer {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #received = 0;
  /** Length of the message under way, once its prefix is there. */
  #wanted: number | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of no message, or of one that has not come to its end. */
  get pending(): number {
    return this.#received;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#received += chunk.length;
  }

  /** The next whole message; undefined until more bytes come; a failure is final. */
  next(): Buffer | GrpcFailure | undefined {
    if (this.#wanted === undefined) {
      if (this.#received < PREFIX_BYTES) return undefined;
      const prefix = this.#joined();
      if (prefix[0] === 1) return failure('UNIMPLEMENTED', 'the message is compressed');
      if (prefix[0] !== 0) return failure('INTERNAL', `message flag ${prefix[0]}`);
      this.#wanted = prefix.readUInt32BE(1);
      if (this.#wanted > this.#maxBytes) {
        return failure(
          'RESOURCE_EXHAUSTED',
          `message of ${this.#wanted} bytes is longer than ${this.#maxBytes}`,
        );
      }
    }
    const end = PREFIX_BYTES + this.#wanted;
    if (this.#received < end) return undefined;
    const bytes = this.#joined();
    const rest = bytes.subarray(end);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#received = rest.length;
    this.#wanted = undefined;
    return bytes.subarray(PREFIX_BYTES, end);
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }
}
