import type { Socket } from 'node:net';
import type { Clock } from '@kubeedge-ts/runtime';

/** What a link does to bytes. Changes count for what comes after them. */
export interface LinkFaults {
  /** On the way there, and on the way back, each. */
  readonly latencyMs: number;
  /** Up to so much more, by chance; the order of bytes stays. */
  readonly jitterMs: number;
  /** Each way; 0: no limit. */
  readonly bytesPerSecond: number;
  /** Nothing passes, and nothing is lost: it goes on when it ends, as TCP does after an outage. */
  readonly blackhole: boolean;
}

/** More is not read from a peer before some is delivered. */
const MAX_QUEUED = 256 * 1024;

/** One direction of a connection: bytes in order, late, slow, or held. */
export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #faults: () => LinkFaults;
  readonly #random: () => number;
  readonly #clock: Clock;
  readonly #onBytes: (count: number) => void;
  readonly #queue: { readonly bytes: Buffer | undefined; readonly due: number }[] = [];
  #queued = 0;
  #lastDue = 0;
  #cancel: (() => void) | undefined;
  #dead = false;

  constructor(options: {
    readonly from: Socket;
    readonly to: Socket;
    readonly faults: () => LinkFaults;
    readonly random: () => number;
    readonly clock: Clock;
    /** Of every chunk as it arrives. */
    readonly onBytes: (count: number) => void;
  }) {
    this.#from = options.from;
    this.#to = options.to;
    this.#faults = options.faults;
    this.#random = options.random;
    this.#clock = options.clock;
    this.#onBytes = options.onBytes;
    this.#from.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#from.on('end', () => this.#take(undefined));
    this.#to.on('drain', () => this.flush());
  }

  /** Nothing passes any more, whatever the faults; bytes that come are swallowed. */
  kill(): void {
    this.#dead = true;
    this.#queue.length = 0;
    this.#cancel?.();
    this.#from.resume();
  }

  /** Delivers what is due; called when the faults have changed, too. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#dead || this.#faults().blackhole) return;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const wait = head.due - this.#clock.monotonic();
      if (wait > 0) {
        this.#cancel = this.#clock.after(wait, () => this.flush());
        return;
      }
      if (this.#to.writableNeedDrain) return;
      this.#queue.shift();
      if (head.bytes === undefined) this.#to.end();
      else {
        this.#queued -= head.bytes.length;
        this.#to.write(head.bytes);
      }
      if (this.#queued < MAX_QUEUED) this.#from.resume();
    }
  }

  /** `undefined`: the end. */
  #take(bytes: Buffer | undefined): void {
    if (this.#dead) return;
    const { latencyMs, jitterMs, bytesPerSecond } = this.#faults();
    const length = bytes?.length ?? 0;
    const arrival = this.#clock.monotonic() + latencyMs + jitterMs * this.#random();
    const sending = bytesPerSecond > 0 ? (length / bytesPerSecond) * 1000 : 0;
    this.#lastDue = Math.max(this.#lastDue, arrival) + sending;
    this.#queue.push({ bytes, due: this.#lastDue });
    this.#queued += length;
    if (this.#queued >= MAX_QUEUED) this.#from.pause();
    this.flush();
    if (length > 0) this.#onBytes(length);
  }
}
