import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

export async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Duplex>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A runtime's streaming server: answers every upgrade with `answer`, then hands the socket out. */
export interface FakeRuntime extends Listening {
  readonly url: URL;
  readonly requests: readonly IncomingMessage[];
  /** The next connection that was upgraded. */
  next(): Promise<Socket>;
}

export async function fakeRuntime(
  answer = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Odd-Case: Kept\r\n\r\n',
): Promise<FakeRuntime> {
  const requests: IncomingMessage[] = [];
  const upgraded: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const server = createServer((_request, response) => response.writeHead(418).end('a teapot\n'));
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    requests.push(request);
    socket.on('error', () => undefined);
    if (head.length > 0) socket.unshift(head);
    socket.write(answer);
    const taker = waiting.shift();
    if (taker === undefined) upgraded.push(socket);
    else taker(socket);
  });
  const listening = await listen(server);
  return {
    ...listening,
    url: new URL(`http://127.0.0.1:${listening.port}/exec/token`),
    requests,
    next: () =>
      new Promise((resolve) => {
        const socket = upgraded.shift();
        if (socket === undefined) waiting.push(resolve);
        else resolve(socket);
      }),
  };
}

/** A client that shows every byte it gets. */
export interface RawClient {
  readonly socket: Socket;
  /** What has come so far. */
  readonly text: string;
  readonly ended: boolean;
  readonly reset: boolean;
  until(what: (client: RawClient) => boolean): Promise<void>;
}

export async function rawClient(port: number, head: string): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const state = { text: '', ended: false, reset: false };
  socket.on('data', (bytes) => {
    state.text += bytes.toString('latin1');
  });
  socket.on('end', () => {
    state.ended = true;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    state.reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
  });
  await once(socket, 'connect');
  socket.write(head);
  const client: RawClient = {
    socket,
    get text() {
      return state.text;
    },
    get ended() {
      return state.ended;
    },
    get reset() {
      return state.reset;
    },
    async until(what) {
      for (const deadline = Date.now() + 5_000; !what(client); ) {
        if (Date.now() > deadline)
          throw new Error(
            `not reached; got ${JSON.stringify(client.text.slice(-500))}, ended ${client.ended}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
  };
  return client;
}
