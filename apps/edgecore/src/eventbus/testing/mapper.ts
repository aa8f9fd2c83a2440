import { connectAsync, type MqttClient } from 'mqtt';

export interface Heard {
  readonly topic: string;
  readonly text: string;
  readonly payload: Record<string, unknown>;
}

/** A client as mappers use: mqtt.js, not our own, so that both sides of the protocol are not ours. */
export interface TestMapper extends AsyncDisposable {
  readonly client: MqttClient;
  readonly heard: Heard[];
  /** Resolves when the broker has acknowledged. */
  publish(topic: string, payload: unknown, qos?: 0 | 1): Promise<void>;
  /** The next message on the topic that was not waited for yet. */
  next(topic: string): Promise<Heard>;
}

export async function connectMapper(url: string, filters: readonly string[]): Promise<TestMapper> {
  const client = await connectAsync(url.replace('tcp:', 'mqtt:'), { reconnectPeriod: 50 });
  const heard: Heard[] = [];
  const unread: Heard[] = [];
  const readers: { readonly topic: string; readonly resolve: (heard: Heard) => void }[] = [];
  client.on('message', (topic, bytes) => {
    const text = bytes.toString();
    const message = { topic, text, payload: parsed(text) };
    heard.push(message);
    const at = readers.findIndex((reader) => reader.topic === topic);
    if (at < 0) unread.push(message);
    else readers.splice(at, 1)[0]?.resolve(message);
  });
  for (const filter of filters) await client.subscribeAsync(filter, { qos: 1 });
  return {
    client,
    heard,
    async publish(topic, payload, qos = 1) {
      const body =
        Buffer.isBuffer(payload) || typeof payload === 'string' ? payload : JSON.stringify(payload);
      await client.publishAsync(topic, body, { qos });
    },
    next(topic) {
      const at = unread.findIndex((message) => message.topic === topic);
      if (at >= 0) return Promise.resolve(unread.splice(at, 1)[0] as Heard);
      return new Promise((resolve) => readers.push({ topic, resolve }));
    },
    async [Symbol.asyncDispose]() {
      await client.endAsync(true);
    },
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
