import { constants } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { errorText, viaductErrors } from '@kubeedge-ts/errors';
import { type WebSocket, WebSocketServer } from 'ws';
import { readHandshake } from '../handshake.ts';
import type { Admission, Connection, PeerIdentity, Server, ServerOptions } from '../types.ts';
import { type ConnectionPorts, connectionLimits, createWebSocketConnection } from './connection.ts';
import { createPendingHandshakes } from './pending-handshakes.ts';
import { CIPHERS, certificateProblem, MIN_TLS_VERSION, subjectOf } from './tls.ts';

const MAX_HEADER_BYTES = 16_384;
/** Chunks of one frame that may be buffered: 32 MiB in the smallest TLS records a peer sends on purpose. */
const MAX_BUFFERED_CHUNKS = 65_536;

export interface ServerPorts extends ConnectionPorts {
  readonly nextId: () => string;
}

export async function listenWebSocket(
  ports: ServerPorts,
  options: ServerOptions,
  admission: Admission,
  onConnection: (connection: Connection) => void,
): Promise<Server> {
  const { log } = ports;
  const limits = connectionLimits(options, 30_000);
  const open = new Set<Connection>();
  const pending = createPendingHandshakes(ports.clock, {
    max: options.maxPendingHandshakes ?? 1_000,
    timeoutMs: options.handshakeTimeoutMs ?? 10_000,
  });
  const upgrades = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxFrameBytes,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    autoPong: false,
  });
  upgrades.on('headers', (lines) => {
    for (const [name, value] of Object.entries(options.headers?.() ?? {})) lines.push(`${name}: ${value}`);
  });
  const server = createServer({
    ...options.tls,
    minVersion: MIN_TLS_VERSION,
    ciphers: CIPHERS,
    requestCert: true,
    // The chain is checked below, where a refusal can be told to the peer; without a valid one nothing is served.
    rejectUnauthorized: false,
    // A resumed session would skip the check of the certificate's dates.
    secureOptions: constants.SSL_OP_NO_TICKET,
    // Given as a list, Node keeps a small copy per connection, each of which pins 64 KiB of its buffer pool (docs/adr/032).
    ALPNCallback: ({ protocols }) => protocols.find((protocol) => protocol === 'http/1.1'),
    maxHeaderSize: MAX_HEADER_BYTES,
  });

  const refuse = (socket: Duplex, status: number, reason: string, fields: object): void => {
    log.warn({ ...fields, status, reason }, 'connection refused');
    const body = `${reason}\n`;
    socket.on('error', () => socket.destroy());
    socket.end(
      `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      () => socket.destroy(),
    );
  };

  server.on('connection', (socket) => pending.add(socket));

  server.on('upgrade', (request, socket, head) => {
    const peer = identify(request);
    const fields = { node: peer.nodeName, commonName: peer.commonName, remoteAddress: peer.remoteAddress };
    const problem = certificateProblem(request.socket);
    if (problem !== undefined) return refuse(socket, 401, problem, fields);
    const handshake = readHandshake(peer.headers);
    if (!handshake.ok) return refuse(socket, handshake.status, handshake.reason, fields);
    const decision = admission(peer);
    if (!decision.accept) return refuse(socket, decision.status, decision.reason, fields);

    const { socket: raw } = request;
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      pending.done(raw);
      accept(webSocket, peer);
    });
  });

  /** Apart from the handler of the upgrade, whose request would live as long as the connection. */
  const accept = (webSocket: WebSocket, peer: PeerIdentity): void => {
    const connection = createWebSocketConnection(webSocket, { id: ports.nextId(), peer }, limits, ports);
    open.add(connection);
    void connection.closed.then(() => open.delete(connection));
    onConnection(connection);
  };

  server.on('request', (request, response) => {
    const problem = certificateProblem(request.socket);
    response.writeHead(problem === undefined ? 426 : 401, { connection: 'close', upgrade: 'websocket' });
    response.end(`${problem ?? 'this port speaks WebSocket'}\n`);
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('tlsClientError', (error) => log.debug({ err: errorText(error) }, 'TLS handshake failed'));

  await new Promise<void>((resolve, reject) => {
    const { address, port } = options;
    server.once('error', (cause) => {
      reject(viaductErrors.create('VIADUCT_LISTEN', { address, port, problem: cause.message }, cause));
    });
    server.listen(port, address, resolve);
  });
  server.removeAllListeners('error');
  server.on('error', (error) => log.error({ err: errorText(error) }, 'listener failed'));

  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      pending.destroyAll();
      server.closeAllConnections();
      await Promise.all(
        [...open].map((connection) => {
          connection.close(1001, 'server is stopping');
          return connection.closed;
        }),
      );
      await ended;
    },
  };
}

function identify(request: IncomingMessage): PeerIdentity {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return {
    nodeName: headers['node_id'] ?? '',
    projectId: headers['project_id'] ?? '',
    ...(request.socket instanceof TLSSocket
      ? subjectOf(request.socket)
      : { commonName: '', organization: '' }),
    remoteAddress: request.socket.remoteAddress ?? '',
    headers,
  };
}
