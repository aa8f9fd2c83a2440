import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { isFailed, type Subject, until } from './subject.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Asks for an upgrade, or for none, and looks at the answer only. */
function ask(url: string, headers: Record<string, string>, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers, agent: false });
    call.on('upgrade', ({ statusCode, headers: answered }, socket: Duplex) => {
      socket.on('error', () => {});
      socket.destroy();
      resolve({ status: statusCode, headers: answered, body: '' });
    });
    call.on('response', (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    call.on('error', reject);
    call.end();
  });
}

/** A WebSocket of channels, as kubectl speaks it. */
async function connect(url: string, protocol = 'v4.channel.k8s.io') {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), [protocol]);
  const received = new Map<number, string>();
  const isBinary = new Map<number, Buffer>();
  socket.on('message', (data: Buffer) => {
    const channel = data[0] as number;
    received.set(channel, (received.get(channel) ?? '') + data.toString('utf8', 1));
    isBinary.set(channel, Buffer.concat([isBinary.get(channel) ?? Buffer.alloc(0), data.subarray(1)]));
  });
  const closed = once(socket, 'close');
  await once(socket, 'open');
  return {
    text: (channel: number) => received.get(channel) ?? '',
    bytes: (channel: number) => isBinary.get(channel) ?? Buffer.alloc(0),
    send: (channel: number, text: string) =>
      socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)])),
    closed: () => closed,
    close: () => socket.close(),
  };
}

const [STDIN, STDOUT, STDERR, STATUS] = [0, 1, 2, 3] as const;
const WEBSOCKET = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

export function streamingPromises(subject: Subject): void {
  const withRunning = (use: (containerId: string) => Promise<void>): Promise<void> =>
    subject.withPod(async (pod) => use(await pod.run('sleep 1000')));
  const execUrl = async (containerId: string, ...cmd: string[]): Promise<string> =>
    (await subject.client.exec({ containerId, cmd, stdin: true, stdout: true, stderr: true })).url;

  test('an exec streams output, errors and how it ended, through a URL on loopback that works once', async () => {
    await withRunning(async (containerId) => {
      const url = await execUrl(containerId, 'sh', '-c', 'echo o; echo e >&2; exit 3');
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/exec\/./);
      const peer = await connect(url);
      await peer.closed();
      assert.deepEqual([peer.text(STDOUT), peer.text(STDERR)], ['o\n', 'e\n']);
      const status = JSON.parse(peer.text(STATUS)) as { status: string; details: { causes: object[] } };
      assert.equal(status.status, 'Failure');
      assert.deepEqual(status.details.causes, [{ reason: 'ExitCode', message: '3' }]);
      const again = await ask(url, { ...WEBSOCKET, 'sec-websocket-protocol': 'v4.channel.k8s.io' });
      assert.equal(again.status, 404);
    });
  });

  test('an exec takes input, byte for byte', async () => {
    await withRunning(async (containerId) => {
      const peer = await connect(await execUrl(containerId, 'cat'));
      peer.send(STDIN, 'häl');
      peer.send(STDIN, 'lo\n');
      await until('the echo', async () => (peer.text(STDOUT) === 'hällo\n' ? true : undefined));
      peer.close();
      await peer.closed();
    });
  });

  test('a success says so; a protocol before v4 says nothing', async () => {
    await withRunning(async (containerId) => {
      const peer = await connect(await execUrl(containerId, 'echo', 'hi'));
      await peer.closed();
      assert.deepEqual(JSON.parse(peer.text(STATUS)), { metadata: {}, status: 'Success' });
      const old = await connect(await execUrl(containerId, 'echo', 'hi'), 'channel.k8s.io');
      await old.closed();
      assert.deepEqual([old.text(STDOUT), old.text(STATUS)], ['hi\n', '']);
    });
  });

  test('WebSocket: an offer of v5 alone is refused, of v5 and v4 is v4', async () => {
    await withRunning(async (containerId) => {
      const offer = async (protocols: string) =>
        ask(await execUrl(containerId, 'true'), { ...WEBSOCKET, 'sec-websocket-protocol': protocols });
      assert.equal((await offer('v5.channel.k8s.io')).status, 403);
      const both = await offer('v5.channel.k8s.io, v4.channel.k8s.io');
      assert.deepEqual([both.status, both.headers['sec-websocket-protocol']], [101, 'v4.channel.k8s.io']);
    });
  });

  test('SPDY: v4 is taken, v5 alone is refused with what would be, no offer is a bad request', async () => {
    await withRunning(async (containerId) => {
      const offer = async (version: Record<string, string>) =>
        ask(
          await execUrl(containerId, 'true'),
          { connection: 'Upgrade', upgrade: 'SPDY/3.1', ...version },
          'POST',
        );
      const v4 = await offer({ 'x-stream-protocol-version': 'v4.channel.k8s.io' });
      assert.equal(v4.status, 101);
      assert.equal(v4.headers.upgrade, 'SPDY/3.1');
      assert.equal(v4.headers['x-stream-protocol-version'], 'v4.channel.k8s.io');
      const v5 = await offer({ 'x-stream-protocol-version': 'v5.channel.k8s.io' });
      assert.equal(v5.status, 403);
      assert.match(String(v5.headers['x-accepted-stream-protocol-versions']), /v4\.channel\.k8s\.io/);
      const plain = await ask(await execUrl(containerId, 'true'), {});
      assert.equal(plain.status, 400);
    });
  });

  test('an exec without streams, or with a terminal and stderr, is refused', async () => {
    await withRunning(async (containerId) => {
      await assert.rejects(subject.client.exec({ containerId, cmd: ['true'] }), isFailed);
      await assert.rejects(
        subject.client.exec({ containerId, cmd: ['true'], tty: true, stdout: true, stderr: true }),
        isFailed,
      );
    });
  });

  test('attaching reaches the input and the output of the container itself', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('cat', { stdin: true });
      const { url } = await subject.client.attach({ containerId, stdin: true, stdout: true, stderr: true });
      const peer = await connect(url);
      peer.send(STDIN, 'hello\n');
      await until('the echo', async () => (peer.text(STDOUT).includes('hello\n') ? true : undefined));
      peer.close();
      await peer.closed();
    });
  });

  test('a forwarded port carries bytes both ways; one that nobody listens on says so', async () => {
    await subject.withPod(async (pod) => {
      // The fake has no nc, and echoes on this port.
      const containerId = await pod.run('nc -ll -p 9000 -e cat || sleep 1000');
      const open = async (port: number) =>
        connect((await subject.client.portForward({ podSandboxId: pod.sandbox, port: [port] })).url);
      await until('somebody listens', async () => {
        const peer = await open(9000);
        peer.send(0, 'ping');
        const answered = await until('an answer', async () =>
          peer.bytes(0).length >= 6 ? true : peer.bytes(1).length > 2 ? false : undefined,
        );
        assert.equal(peer.bytes(0).readUInt16LE(0), 9000);
        if (answered) assert.equal(peer.bytes(0).toString('utf8', 2), 'ping');
        peer.close();
        return answered || undefined;
      });
      const nobody = await open(9001);
      await until('the problem', async () => (nobody.bytes(1).length > 2 ? true : undefined));
      assert.match(nobody.bytes(1).toString('utf8', 2), /refused/);
      nobody.close();
      assert.ok(containerId);
    });
  });

  test('SPDY port-forward is taken', async () => {
    await subject.withPod(async (pod) => {
      const { url } = await subject.client.portForward({ podSandboxId: pod.sandbox, port: [] });
      const headers = {
        connection: 'Upgrade',
        upgrade: 'SPDY/3.1',
        'x-stream-protocol-version': 'portforward.k8s.io',
      };
      const answer = await ask(url, headers, 'POST');
      assert.deepEqual(
        [answer.status, answer.headers['x-stream-protocol-version']],
        [101, 'portforward.k8s.io'],
      );
    });
  });
}
