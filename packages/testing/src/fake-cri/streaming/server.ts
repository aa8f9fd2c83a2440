import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { type Channels, channelsOf } from './channels.ts';

/** What a URL of Exec, Attach or PortForward leads to, once somebody comes. */
export type Session = (channels: Channels) => void;

export type SessionKind = 'exec' | 'attach' | 'portforward';

/**
 * The runtime's streaming server. WebSocket: `v4.channel.k8s.io`, `channel.k8s.io`, their base64 forms, or none. SPDY:
 * the upgrade is answered as containerd does; what follows is echoed byte for byte, for relays.
 */
export interface StreamingServer {
  /** A URL that works once. */
  url(kind: SessionKind, session: Session): string;
  close(): Promise<void>;
}

const WEBSOCKET = [
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];
const SPDY: Readonly<Record<SessionKind, readonly string[]>> = {
  exec: ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'],
  attach: ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'],
  portforward: ['portforward.k8s.io'],
};

export async function startStreamingServer(): Promise<StreamingServer> {
  const sessions = new Map<string, { kind: SessionKind; session: Session }>();
  const sockets = new Set<Duplex>();
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => [...offered].find((name) => WEBSOCKET.includes(name)) ?? false,
  });
  const take = (request: IncomingMessage): { kind: SessionKind; session: Session } | undefined => {
    const found = sessions.get(request.url ?? '');
    sessions.delete(request.url ?? '');
    return found;
  };

  const server = createServer((request, response) => {
    const found = take(request);
    if (found === undefined) response.writeHead(404).end('404 page not found\n');
    else response.writeHead(400).end('unable to upgrade: X-Stream-Protocol-Version is required\n');
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const found = take(request);
    if (found === undefined) refuse(socket, '404 Not Found', '404 page not found\n');
    else if (isWebSocket(request)) {
      const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/ *, */).filter(Boolean);
      // Refused as golang.org/x/net/websocket refuses: so a client that offers v5 only falls back to SPDY.
      if (offered.length > 0 && !offered.some((name) => WEBSOCKET.includes(name))) {
        refuse(socket, '403 Forbidden', '');
        return;
      }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        found.session(channelsOf(webSocket));
      });
    } else upgradeSpdy(request, socket, head, SPDY[found.kind]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url(kind, session) {
      const path = `/${kind}/${randomBytes(6).toString('base64url')}`;
      sessions.set(path, { kind, session });
      return `http://127.0.0.1:${port}${path}`;
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

function upgradeSpdy(
  { headers }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  accepted: readonly string[],
): void {
  const offered = [headers['x-stream-protocol-version'] ?? []].flat().flatMap((line) => line.split(/ *, */));
  if (offered.length === 0) {
    refuse(socket, '400 Bad Request', 'unable to upgrade: X-Stream-Protocol-Version is required\n');
    return;
  }
  const chosen = accepted.find((name) => offered.includes(name));
  if (chosen === undefined) {
    const problem = `client supports [${offered.join(' ')}], server accepts [${accepted.join(' ')}]`;
    refuse(socket, '403 Forbidden', `unable to upgrade: unable to negotiate protocol: ${problem}\n`, {
      'X-Accepted-Stream-Protocol-Versions': accepted.join(', '),
    });
    return;
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${chosen}\r\n\r\n`,
  );
  socket.write(head);
  socket.pipe(socket);
}

function refuse(socket: Duplex, status: string, body: string, headers: Record<string, string> = {}): void {
  const lines = Object.entries({ 'Content-Length': String(Buffer.byteLength(body)), ...headers });
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n${text}\r\n${body}`);
}
