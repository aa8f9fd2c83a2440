import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority } from '@kubeedge-ts/pki';
import { seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { mosquittoMissing, startMosquitto } from '@kubeedge-ts/testing/mosquitto';
import { type ClientOptions, createMqttClient } from './client.ts';
import { connectMqtt, type IncomingMessage } from './connection.ts';

const never = new AbortController().signal;

function options(url: string, clientId: string, more: Partial<ClientOptions> = {}): ClientOptions {
  return {
    url,
    clientId,
    clock: systemClock,
    random: seededRandom(1),
    log: silentLogger,
    onMessage: (message) => message.ack(),
    ...more,
  };
}

/** Waits for a condition that events bring about. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const real = { skip: mosquittoMissing !== undefined };
const title = (promise: string): string => (mosquittoMissing ? `${promise} (${mosquittoMissing})` : promise);

test(
  title('reading goes on while acknowledgements are held back, and they are then sent in order'),
  real,
  async () => {
    await using broker = await startMosquitto();
    const held: IncomingMessage[] = [];
    const reader = await connectMqtt(
      options(broker.url, 'reader', { onMessage: (message) => held.push(message) }),
      systemClock,
      never,
    );
    await reader.subscribe(['t'], 1);
    const writer = await connectMqtt(options(broker.url, 'writer'), systemClock, never);
    let accepted = 0;
    for (let i = 0; i < 50; i++) writer.publish('t', String(i), 1, false, () => accepted++);
    // mosquitto keeps 20 in flight: all of them arrive before the first is acknowledged.
    await until(() => held.length === 20 && accepted === 50);
    const got: string[] = [];
    while (got.length < 50) {
      await until(() => held.length > 0);
      const some = held.splice(0);
      got.push(...some.map((message) => `${message.payload}`));
      for (const message of some.reverse()) message.ack();
    }
    assert.deepEqual(got, [...Array(50).keys()].map(String));
    reader.close();
    writer.close();
  },
);

test(
  title('after the broker came back the client has its subscriptions, and queued messages arrive in order'),
  real,
  async () => {
    await using broker = await startMosquitto();
    const got: string[] = [];
    const reader = createMqttClient(
      options(broker.url, 'reader', {
        subscriptions: ['fixed/+'],
        onMessage(message) {
          got.push(`${message.topic}=${message.payload}`);
          message.ack();
        },
      }),
    );
    const writer = createMqttClient(options(broker.url, 'writer'));
    reader.start();
    writer.start();
    await until(() => reader.connected && writer.connected);
    await reader.subscribe('added');
    await broker.stop();
    await until(() => !reader.connected && !writer.connected);
    for (let i = 0; i < 5; i++) writer.publish('fixed/x', String(i));
    await broker.start();
    await until(() => reader.connected && writer.connected);
    writer.publish('added', 'last');
    await until(() => got.includes('added=last'));
    const numbers = got.filter((one) => one.startsWith('fixed/x=')).map((one) => Number(one.split('=')[1]));
    assert.deepEqual(numbers, [...numbers].sort());
    await reader.close();
    await writer.close();
  },
);

test(title('a kept session delivers what was not acknowledged to the next connection'), real, async () => {
  await using broker = await startMosquitto();
  const first: IncomingMessage[] = [];
  const session = { cleanSession: false };
  const before = await connectMqtt(
    options(broker.url, 'reader', { ...session, onMessage: (message) => first.push(message) }),
    systemClock,
    never,
  );
  await before.subscribe(['t'], 1);
  const writer = await connectMqtt(options(broker.url, 'writer'), systemClock, never);
  writer.publish('t', 'lost?', 1, false, () => {});
  await until(() => first.length === 1);
  before.close();
  writer.publish('t', 'while away', 1, false, () => {});
  const second: string[] = [];
  const after = await connectMqtt(
    options(broker.url, 'reader', {
      ...session,
      onMessage(message) {
        second.push(`${message.payload}`);
        message.ack();
      },
    }),
    systemClock,
    never,
  );
  await until(() => second.length === 2);
  assert.deepEqual(second, ['lost?', 'while away']);
  after.close();
  writer.close();
});

test('while the broker is away the oldest messages beyond the bound are given up, with an error each', async () => {
  const client = createMqttClient(options('tcp://127.0.0.1:1', 'c', { maxQueued: 2 }));
  const outcomes: (string | undefined)[] = [];
  for (const n of [1, 2, 3, 4]) {
    client.publish('t', String(n), 1, false, (error) => outcomes.push(`${n} ${error?.code}`));
  }
  assert.deepEqual(outcomes, ['1 MQTT_QUEUE_FULL', '2 MQTT_QUEUE_FULL']);
  await client.close(0);
  assert.deepEqual(outcomes.slice(2), ['3 MQTT_CLOSED', '4 MQTT_CLOSED']);
});

test('a broker that refuses, talks nonsense or hangs up is a typed error', async () => {
  const answers: [Buffer | undefined, string][] = [
    [Buffer.from([0x20, 2, 0, 5]), 'MQTT_REFUSED'],
    [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'MQTT_UNREACHABLE'],
    [undefined, 'MQTT_UNREACHABLE'],
  ];
  for (const [answer, code] of answers) {
    await using server = await fakeBroker((socket) => {
      if (answer === undefined) socket.destroy();
      else socket.write(answer);
    });
    await assert.rejects(connectMqtt(options(server.url, 'c'), systemClock, never), { code });
  }
});

test('a message of a broker that cannot be parsed ends the connection and the client connects anew', async () => {
  let connections = 0;
  await using server = await fakeBroker((socket) => {
    connections += 1;
    socket.write(Buffer.from(connections === 1 ? [0x20, 2, 0, 0, 0xf0, 1, 0] : [0x20, 2, 0, 0]));
  });
  const client = createMqttClient(options(server.url, 'c'));
  client.start();
  await until(() => connections === 2 && client.connected);
  await client.close(0);
});

test('a stop while the broker does not answer ends at once', async () => {
  await using server = await fakeBroker(() => {});
  const client = createMqttClient(options(server.url, 'c', { subscriptions: ['a'] }));
  client.start();
  await until(() => server.sockets.size === 1);
  await client.close(0);
});

test('addresses that cannot be used are refused with a reason that shows no credentials', () => {
  for (const url of ['ws://host:1', 'host', 'http://user:secret@host']) {
    assert.throws(
      () => createMqttClient(options(url, 'c')),
      (error: Error & { code?: string }) =>
        error.code === 'MQTT_URL_INVALID' && !error.message.includes('secret'),
    );
  }
});

test(
  title('a TLS broker is used when its certificate comes from the CA, and refused when not'),
  real,
  async () => {
    const [ca, foreign] = await Promise.all([createAuthority(Date.now()), createAuthority(Date.now())]);
    const server = await ca.issueServer({
      addresses: ['127.0.0.1'],
      dnsNames: ['localhost'],
      now: Date.now(),
    });
    const folder = await mkdtemp(join(tmpdir(), 'kubeedge-mqtt-tls-'));
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    try {
      const port = await freePort();
      await using _ = await startMosquitto({
        config: [
          `listener ${port} 127.0.0.1`,
          `cafile ${await file('ca.crt', ca.certPem)}`,
          `certfile ${await file('server.crt', server.certPem)}`,
          `keyfile ${await file('server.key', server.keyPem)}`,
        ],
      });
      const url = `ssl://127.0.0.1:${port}`;
      const connection = await connectMqtt(
        options(url, 'c', { tls: { ca: ca.certPem } }),
        systemClock,
        never,
      );
      await connection.subscribe(['t'], 1);
      connection.close();
      for (const tls of [{ ca: foreign.certPem }, {}]) {
        await assert.rejects(connectMqtt(options(url, 'c', { tls }), systemClock, never), {
          code: 'MQTT_UNREACHABLE',
        });
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface FakeBroker extends AsyncDisposable {
  readonly url: string;
  readonly sockets: ReadonlySet<Socket>;
}

async function fakeBroker(onConnect: (socket: Socket) => void): Promise<FakeBroker> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => onConnect(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `tcp://127.0.0.1:${port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
