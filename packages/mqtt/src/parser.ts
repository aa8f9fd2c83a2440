import { mqttErrors } from '@kubeedge-ts/errors';

/** What a broker may send (MQTT 3.1.1); called in the order of arrival. */
export interface PacketSink {
  connack(code: number): void;
  /** `payload` is undefined when its declared size exceeds the bound; its bytes were skipped. `id` is 0 for QoS 0. */
  publish(
    topic: string,
    payload: Buffer | undefined,
    size: number,
    qos: number,
    flags: { retain: boolean; dup: boolean },
    id: number,
  ): void;
  puback(id: number): void;
  suback(id: number, codes: Buffer): void;
  unsuback(id: number): void;
  pingresp(): void;
}

export interface Parser {
  /** Feeds bytes. @throws KubeEdgeError MQTT_PROTOCOL; the parser is unusable afterwards */
  push(chunk: Buffer): void;
}

/** SUBACK has a byte per filter. */
const MAX_SUBACK_BYTES = 65_536;
const EMPTY = Buffer.alloc(0);
const FLAGS = [
  { retain: false, dup: false },
  { retain: true, dup: false },
  { retain: false, dup: true },
  { retain: true, dup: true },
] as const;

/**
 * A streaming parser: a packet that lies in one chunk is not copied; a PUBLISH whose payload exceeds
 * `maxPayloadBytes` is reported by topic and skipped, so memory stays flat whatever length is declared.
 */
export function createParser(maxPayloadBytes: number, sink: PacketSink): Parser {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let needed = 2;
  let skip = 0;

  const join = (chunk: Buffer): Buffer => {
    if (waitingBytes === 0) return chunk;
    const joined = Buffer.concat([...waiting, chunk], waitingBytes + chunk.length);
    waiting = [];
    waitingBytes = 0;
    return joined;
  };

  /** Bytes consumed from `at`, or minus the total needed to go on. */
  const one = (buffer: Buffer, at: number): number => {
    const first = buffer[at] as number;
    let length = 0;
    let pos = at + 1;
    for (let shift = 0; ; shift += 7) {
      if (pos >= buffer.length) return -(pos - at + 1);
      const byte = buffer[pos++] as number;
      length += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
      if (shift === 21) throw malformed('remaining length exceeds four bytes');
    }
    const end = pos + length;
    const type = first >> 4;
    if (type === 3) return publish(buffer, at, pos, end, first);
    if ((first & 15) !== 0 || !fits(type, length)) throw malformed(`packet type ${type} of ${length} bytes`);
    if (end > buffer.length) return -(end - at);
    control(type, buffer.subarray(pos, end));
    return end - at;
  };

  const publish = (buffer: Buffer, at: number, pos: number, end: number, first: number): number => {
    const qos = (first >> 1) & 3;
    if (qos === 3) throw malformed('QoS 3');
    if (end - pos < 2) throw malformed('PUBLISH without a topic');
    if (pos + 2 > buffer.length) return -(pos + 2 - at);
    const topicEnd = pos + 2 + buffer.readUInt16BE(pos);
    const body = qos === 0 ? topicEnd : topicEnd + 2;
    if (body > end) throw malformed('topic longer than its packet');
    const size = end - body;
    const oversized = size > maxPayloadBytes;
    const available = oversized ? body : end;
    if (available > buffer.length) return -(available - at);
    const topic = buffer.toString('utf8', pos + 2, topicEnd);
    const id = qos === 0 ? 0 : buffer.readUInt16BE(topicEnd);
    const flags = FLAGS[(first & 1) | ((first >> 2) & 2)] as (typeof FLAGS)[number];
    if (!oversized) {
      sink.publish(topic, buffer.subarray(body, end), size, qos, flags, id);
      return end - at;
    }
    sink.publish(topic, undefined, size, qos, flags, id);
    const here = Math.min(buffer.length, end);
    skip = end - here;
    return here - at;
  };

  const control = (type: number, body: Buffer): void => {
    if (type === 13) sink.pingresp();
    else if (type === 2) sink.connack(body[1] as number);
    else if (type === 4) sink.puback(body.readUInt16BE(0));
    else if (type === 9) sink.suback(body.readUInt16BE(0), body.subarray(2));
    else sink.unsuback(body.readUInt16BE(0));
  };

  return {
    push(chunk) {
      let input = chunk;
      if (skip > 0) {
        const skipped = Math.min(skip, input.length);
        skip -= skipped;
        input = input.subarray(skipped);
      }
      if (waitingBytes + input.length < needed) {
        if (input.length > 0) waiting.push(input);
        waitingBytes += input.length;
        return;
      }
      const buffer = join(input);
      let at = 0;
      needed = 2;
      while (buffer.length - at >= 2) {
        const used = one(buffer, at);
        if (used < 0) {
          needed = -used;
          break;
        }
        at += used;
      }
      const rest = at === buffer.length ? EMPTY : buffer.subarray(at);
      if (rest.length > 0) {
        waiting = [rest];
        waitingBytes = rest.length;
      }
    },
  };
}

/** The packets a broker may send besides PUBLISH, and their lengths. */
function fits(type: number, length: number): boolean {
  if (type === 2 || type === 4 || type === 11) return length === 2;
  if (type === 9) return length > 2 && length <= MAX_SUBACK_BYTES;
  return type === 13 && length === 0;
}

function malformed(problem: string) {
  return mqttErrors.create('MQTT_PROTOCOL', { problem });
}
