const TWO_32 = 4294967296;

/** Appends protocol-buffer primitives to a growing buffer. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(128);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }

  /** Base-128 varint of an integer; negative ones as 64-bit two's complement. */
  varint(value: number): this {
    this.#reserve(10);
    if (!Number.isFinite(value)) throw new TypeError(`not an integer: ${value}`);
    let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
    if (value >= 0 && value < TWO_32) {
      let small = value >>> 0;
      while (small > 127) {
        this.#buffer[this.#length++] = (small & 127) | 128;
        small >>>= 7;
      }
      this.#buffer[this.#length++] = small;
      return this;
    }
    while (rest > 127n) {
      this.#buffer[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
    return this;
  }

  tag(number: number, wire: number): this {
    return this.varint(number * 8 + wire);
  }

  block(bytes: Uint8Array): this {
    this.varint(bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  text(text: string): this {
    const bytes = Buffer.byteLength(text);
    this.varint(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(text, this.#length);
    return this;
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** Reads protocol-buffer primitives; every read beyond the end throws a RangeError. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** A signed 64-bit value as a number. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      if (this.#at >= this.#end) throw new RangeError('truncated number');
      const byte = this.#bytes[this.#at++] as number;
      if (count === 9) {
        // Only a negative number has ten bytes; the float sum has lost its low bits, so take the exact way.
        return this.#exact(this.#at - 10);
      }
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new RangeError('number longer than ten bytes');
  }

  #exact(start: number): number {
    let value = 0n;
    for (let i = 0; i < 10; i++) value |= BigInt((this.#bytes[start + i] as number) & 127) << BigInt(7 * i);
    if ((this.#bytes[start + 9] as number) > 127) throw new RangeError('number longer than ten bytes');
    return Number(BigInt.asIntN(64, value));
  }

  #span(): [number, number] {
    const length = this.varint();
    const start = this.#at;
    if (length < 0 || length > this.#end - start) throw new RangeError('length beyond the end');
    this.#at = start + length;
    return [start, this.#at];
  }

  block(): Uint8Array {
    return Uint8Array.from(this.#bytes.subarray(...this.#span()));
  }

  text(): string {
    const [start, end] = this.#span();
    return this.#bytes.toString('utf8', start, end);
  }

  nested(): ByteReader {
    return new ByteReader(this.#bytes, ...this.#span());
  }

  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 2) this.#span();
    else if (wire === 1 || wire === 5) {
      this.#at += wire === 1 ? 8 : 4;
      if (this.#at > this.#end) throw new RangeError('truncated field');
    } else throw new RangeError(`wire type ${wire}`);
  }
}
