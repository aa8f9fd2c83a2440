/**
 * The last word of an exec or attach whose far end is lost. kubectl takes a stream that ends without a status for success
 * (client-go reads an empty error stream as "no error"), so whoever notices the loss must say it, in the stream itself:
 * between two of its frames, as the protocol's own status (spec/edged.md §15: SPDY/3.1 and WebSocket, `v4.channel.k8s.io`).
 */
export interface CommandEnding {
  /** Of what comes from the command, what may be sent on now: whole frames, but the largest. */
  take(chunk: Buffer): Buffer;
  /** What is to be sent when nothing more comes; empty when the status was told, or cannot be. */
  lost(): Buffer;
}

interface Framing {
  /** The frame that begins at `at`; undefined: too little of it is there to tell. */
  frame(bytes: Buffer, at: number): Frame | undefined;
  status(json: string): Buffer;
}

interface Frame {
  readonly length: number;
  /** It tells, or ends, the status of the command. */
  readonly tells: boolean;
}

/** Larger frames are passed on as they come; a loss within one cannot be told. Runtimes send 32 KiB. */
const MAX_HELD = 131_072;
const NOTHING = Buffer.alloc(0);
const PROTOCOL = 'v4.channel.k8s.io';

/** By the headers (lower-case names) of the 101 answer; undefined for what is no command, or in a protocol not known here. */
export function commandEnding(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  message: string,
): CommandEnding | undefined {
  const upgrade = String(headers['upgrade'] ?? '').toLowerCase();
  if (upgrade === 'spdy/3.1' && headers['x-stream-protocol-version'] === PROTOCOL)
    return endingOf(SPDY, message);
  if (upgrade === 'websocket' && headers['sec-websocket-protocol'] === PROTOCOL)
    return endingOf(WEBSOCKET, message);
  return undefined;
}

function endingOf(framing: Framing, message: string): CommandEnding {
  let held: Buffer = NOTHING;
  /** Bytes still to come of a frame that is passed on in parts. */
  let passing = 0;
  let told = false;

  return {
    take(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      let at = Math.min(passing, bytes.length);
      passing -= at;
      while (passing === 0) {
        const frame = framing.frame(bytes, at);
        if (frame === undefined) break;
        const there = bytes.length - at;
        if (there < frame.length && frame.length <= MAX_HELD) break;
        told ||= frame.tells;
        at += Math.min(there, frame.length);
        passing = Math.max(0, frame.length - there);
      }
      held = bytes.subarray(at);
      return bytes.subarray(0, at);
    },
    lost() {
      if (told || passing > 0) return NOTHING;
      told = true;
      const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 500 };
      return framing.status(JSON.stringify({ ...status, reason: 'InternalError', message }));
    },
  };
}

const SPDY_HEADER = 8;
/** Clients open the error stream first, and theirs have odd numbers. */
const SPDY_ERROR_STREAM = 1;
const SPDY_CONTROL = 0x80;
const SPDY_FIN = 0x01;

const SPDY: Framing = {
  frame(bytes, at) {
    if (bytes.length - at < SPDY_HEADER) return undefined;
    const size = bytes.readUIntBE(at + 5, 3);
    const isData = ((bytes[at] as number) & SPDY_CONTROL) === 0;
    const isError = isData && bytes.readUInt32BE(at) === SPDY_ERROR_STREAM;
    return {
      length: SPDY_HEADER + size,
      tells: isError && (size > 0 || ((bytes[at + 4] as number) & SPDY_FIN) !== 0),
    };
  },
  status(json) {
    const header = Buffer.alloc(SPDY_HEADER);
    header.writeUInt32BE(SPDY_ERROR_STREAM, 0);
    header[4] = SPDY_FIN;
    header.writeUIntBE(Buffer.byteLength(json), 5, 3);
    return Buffer.concat([header, Buffer.from(json)]);
  },
};

const WS_FINAL_BINARY = 0x82;
const WS_OPCODE = 0x0f;
const WS_CLOSE = 0x08;
const WS_ERROR_CHANNEL = 3;
const WS_CLOSE_NORMAL = Buffer.from([0x88, 0x02, 0x03, 0xe8]);

const WEBSOCKET: Framing = {
  frame(bytes, at) {
    const there = bytes.length - at;
    if (there < 2) return undefined;
    const short = (bytes[at + 1] as number) & 0x7f;
    const header = short === 127 ? 10 : short === 126 ? 4 : 2;
    // its channel must be there too
    if (there < header + Math.min(short, 1)) return undefined;
    const size =
      short === 127
        ? Number(bytes.readBigUInt64BE(at + 2))
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : short;
    const opcode = (bytes[at] as number) & WS_OPCODE;
    const isStatus = (opcode === 1 || opcode === 2) && size > 1 && bytes[at + header] === WS_ERROR_CHANNEL;
    return { length: header + size, tells: isStatus || opcode === WS_CLOSE };
  },
  status(json) {
    const size = 1 + Buffer.byteLength(json);
    const header =
      size < 126
        ? Buffer.from([WS_FINAL_BINARY, size])
        : Buffer.from([WS_FINAL_BINARY, 126, size >> 8, size & 0xff]);
    return Buffer.concat([header, Buffer.from([WS_ERROR_CHANNEL]), Buffer.from(json), WS_CLOSE_NORMAL]);
  },
};
