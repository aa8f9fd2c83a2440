import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, encodeFrame, type Frame } from '../frames/frame.ts';
import { CONNECT_PATH } from '../protocol.ts';

/** One end of a tunnel that does as it is told and writes down what it hears. */
export interface ScriptedEnd {
  /** Decoded; what is no frame is not in here. */
  readonly heard: readonly Frame[];
  /** Of each message heard: upstream's cloud takes text frames only. */
  readonly opcodes: readonly ('text' | 'binary')[];
  send(connectId: number, type: number, data?: Uint8Array | string): void;
  /** Anything, as one text frame. */
  sendRaw(bytes: Uint8Array): void;
  /** Bytes not yet taken by the network. */
  readonly unsent: number;
  /** Nothing more is read of the connection. */
  pause(): void;
  close(): void;
  readonly closed: Promise<string>;
}

/** An edge as upstream's: its handshake, its TEXT frames, and the ping every 5 s left to the test. */
export function dialAsUpstreamEdge(
  port: number,
  tls: TlsMaterial,
  headers: Readonly<Record<string, string>>,
): Promise<ScriptedEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<ScriptedEnd>();
  const socket = new WebSocket(`wss://127.0.0.1:${port}${CONNECT_PATH}`, {
    ...tls,
    headers,
    perMessageDeflate: false,
    skipUTF8Validation: true,
  });
  socket.on('open', () => resolve(scripted(socket)));
  socket.on('error', reject);
  return promise;
}

/** A tunnel server as upstream's: TLS with client certificates, no ALPN of ours. */
export interface UpstreamCloud {
  readonly port: number;
  readonly edges: readonly {
    readonly headers: Readonly<Record<string, unknown>>;
    readonly end: ScriptedEnd;
  }[];
  close(): Promise<void>;
}

export async function listenAsUpstreamCloud(tls: TlsMaterial): Promise<UpstreamCloud> {
  const edges: { headers: Readonly<Record<string, unknown>>; end: ScriptedEnd }[] = [];
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true });
  const upgrades = new WebSocketServer({ server, path: CONNECT_PATH, skipUTF8Validation: true });
  upgrades.on('connection', (socket, { headers }) => edges.push({ headers, end: scripted(socket) }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    edges,
    close: () =>
      new Promise((resolve) => {
        for (const socket of upgrades.clients) socket.terminate();
        upgrades.close();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function scripted(socket: WebSocket): ScriptedEnd {
  const heard: Frame[] = [];
  const opcodes: ('text' | 'binary')[] = [];
  const closed = Promise.withResolvers<string>();
  socket.on('message', (data: RawData, isBinary) => {
    opcodes.push(isBinary ? 'binary' : 'text');
    heard.push(decodeFrame(data as Buffer));
  });
  socket.on('error', () => undefined);
  socket.on('close', (_code, reason) => closed.resolve(reason.toString()));
  const sendRaw = (bytes: Uint8Array): void => socket.send(bytes, { binary: false });
  return {
    heard,
    opcodes,
    send: (connectId, type, data = '') => sendRaw(encodeFrame(connectId, type, Buffer.from(data as string))),
    sendRaw,
    get unsent() {
      return socket.bufferedAmount;
    },
    pause: () => socket.pause(),
    close: () => socket.close(),
    closed: closed.promise,
  };
}
