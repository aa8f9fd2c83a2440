// Resident memory of one idle mutual-TLS connection on the server: `node --expose-gc idle-memory.ts [connections]`.
// The server runs in a process of its own; prints one JSON object.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { admitNode } from '../admission.ts';
import type { Connection, TlsMaterial } from '../types.ts';
import { createWebSocketTransport } from '../websocket/transport.ts';
import { createCredentials } from './credentials.ts';

const transport = createWebSocketTransport({ clock: systemClock, log: silentLogger });
const MAX_FRAME = 33_554_432;

async function serve(tls: TlsMaterial): Promise<void> {
  const connections: Connection[] = [];
  const server = await transport.listen(
    { address: '127.0.0.1', port: 0, tls, maxFrameBytes: MAX_FRAME },
    admitNode(),
    (connection) => {
      connections.push(connection);
      connection.start(() => undefined);
    },
  );
  process.on('message', () => {
    for (let i = 0; i < 3; i++) globalThis.gc?.();
    process.send?.({ rss: process.memoryUsage.rss(), connections: connections.length });
  });
  process.send?.({ port: server.port });
}

async function ask(child: ChildProcess): Promise<{ rss: number; connections: number }> {
  child.send('measure');
  const [answer] = await once(child, 'message');
  return answer;
}

async function measure(count: number): Promise<void> {
  const credentials = await createCredentials(count);
  const child = fork(import.meta.filename, ['--serve'], { execArgv: ['--expose-gc'] });
  child.send(credentials.serverTls);
  const [{ port }] = await once(child, 'message');
  const open = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      const nodeName = `edge-${i}`;
      const connection = await transport.dial({
        url: `wss://127.0.0.1:${port}/p/${nodeName}/events`,
        tls: credentials.clientTls(nodeName),
        nodeName,
        projectId: 'p',
        maxFrameBytes: MAX_FRAME,
        handshakeTimeoutMs: 10_000,
      });
      connection.start(() => undefined);
      await connection.send('{"hello":1}');
    }
  };
  // The first ones warm up code and heap.
  const warm = Math.min(50, count >> 2);
  await open(0, warm);
  const before = await ask(child);
  await open(warm, count);
  const after = await ask(child);
  const perConnection = (after.rss - before.rss) / (after.connections - before.connections);
  console.log(
    JSON.stringify({ connections: after.connections, kibPerConnection: Math.round(perConnection / 1024) }),
  );
  child.kill();
  process.exit(0);
}

if (process.argv.includes('--serve')) {
  const [tls] = await once(process, 'message');
  await serve(tls as TlsMaterial);
} else {
  await measure(Number(process.argv[2] ?? 500));
}
