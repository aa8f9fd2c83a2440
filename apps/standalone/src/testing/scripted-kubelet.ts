import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { createCa, issueLeaf, type KeyPair } from '../pki.ts';

/** Something like a kubelet: what it answers is the test's, what it was asked is written down. */
export interface ScriptedKubelet {
  readonly port: number;
  /** `METHOD path` of everything that came, in order. */
  readonly asked: string[];
  /** Who asked last, by its client certificate. */
  caller(): string;
  readonly connections: number;
  close(): Promise<void>;
}

export interface Script {
  request?(request: IncomingMessage, response: ServerResponse): void;
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** PEM pair of the cluster's CA, from the data directory of a server under test. */
export async function readCa(dataDir: string): Promise<KeyPair> {
  const read = (name: string) => readFile(join(dataDir, 'pki', name), 'utf8');
  return { cert: await read('ca.crt'), key: await read('ca.key') };
}

export interface ScriptedKubeletOptions {
  /** Who signs its serving certificate; the default is nobody the server knows. */
  readonly ca?: KeyPair;
  /** Names in it. */
  readonly names?: readonly string[];
}

export async function createScriptedKubelet(
  script: Script,
  { ca, names = ['127.0.0.1'] }: ScriptedKubeletOptions,
): Promise<ScriptedKubelet> {
  const now = Date.now();
  const issuer = ca ?? (await createCa(now));
  const leaf = await issueLeaf(issuer, createPrivateKey(issuer.key), {
    commonName: 'system:node:n1',
    organization: 'system:nodes',
    names,
    now,
  });
  const server = createServer({ ...leaf, ca: issuer.cert, requestCert: true, rejectUnauthorized: false });
  const asked: string[] = [];
  const sockets = new Set<Duplex>();
  let caller = '';
  const note = ({ method, url, socket }: IncomingMessage): void => {
    asked.push(`${method} ${url}`);
    const tls = socket as TLSSocket;
    const { CN, O } = tls.getPeerCertificate().subject ?? {};
    caller = tls.authorized ? `${String(CN)} of ${String(O)}` : 'nobody';
  };
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (request, response) => {
    note(request);
    if (script.request === undefined) response.writeHead(404).end('not scripted');
    else script.request(request, response);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    note(request);
    socket.on('error', () => undefined);
    if (script.upgrade === undefined) socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
    else script.upgrade(request, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    asked,
    caller: () => caller,
    get connections() {
      return sockets.size;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Answers an upgrade with 101 and hands back everything that comes, ending when the other side ends. */
export function echoUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.allowHalfOpen = true;
  const protocol = request.headers['sec-websocket-protocol'];
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n` +
      `${protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`,
  );
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
}
