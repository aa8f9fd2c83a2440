import { type IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { errorText, standaloneErrors } from '@kubeedge-ts/errors';
import type { ServerIdentity } from '../data-dir.ts';
import type { Exchange } from '../kubelet/exchange.ts';
import { TCP_KEEPALIVE_MS } from '../kubelet/transport.ts';
import { parseRequestInfo } from '../rest/request-info.ts';

/** The HTTPS listener: every request, and every request to upgrade that can end at a node, becomes an exchange. */
export interface Listener {
  /** Resolves with the port that was taken. @throws STANDALONE_LISTEN_FAILED */
  listen(address: string, port: number): Promise<number>;
  /** Ends all connections but the upgraded ones. */
  close(): Promise<void>;
}

export function createListener(
  identity: ServerIdentity,
  handle: (exchange: Exchange) => Promise<void>,
): Listener {
  const server = createTlsServer(identity);
  server.on('request', (request, response) => void handle({ request, response }));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void handle({ request, response: responseOn(request, socket), upgrade: { socket, head } });
  });
  return {
    listen: (address, port) => listen(server, address, port),
    close: () => closeServer(server),
  };
}

function createTlsServer(identity: ServerIdentity): Server {
  const server = createServer({
    key: identity.serving.key,
    cert: identity.serving.cert,
    ca: identity.ca.cert,
    // Everybody may connect; who has no certificate of ours needs a token or stays anonymous.
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEPALIVE_MS,
    // Other upgrades a client may offer (h2c) are ignored.
    shouldUpgradeCallback: ({ method, url }: IncomingMessage) => isStreamRequest(method, url),
  });
  server.headersTimeout = 30_000;
  // Bodies that are read here have a limit of their own; those for a node, and streams, take as long as they take.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 120_000;
  server.maxHeadersCount = 100;
  return server;
}

/** Upgrades end at a node, so only what goes to one is upgraded. */
function isStreamRequest(method = 'GET', url = '/'): boolean {
  const [path = '/', query = ''] = url.split('?', 2);
  const info = parseRequestInfo(method, path, new URLSearchParams(query));
  if (info.kind === 'path' || info.group !== '') return false;
  return UPGRADED.has(`${info.plural}/${info.subresource}`);
}

const UPGRADED = new Set(['pods/exec', 'pods/attach', 'pods/portforward', 'nodes/proxy']);

/** Where a request to upgrade is answered when it is refused. */
function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  socket.on('error', () => undefined);
  response.assignSocket(request.socket);
  response.shouldKeepAlive = false;
  response.once('finish', () => {
    response.detachSocket(request.socket);
    request.socket.destroySoon();
  });
  return response;
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

function listen(server: Server, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        standaloneErrors.create(
          'STANDALONE_LISTEN_FAILED',
          { address, port, problem: errorText(cause) },
          cause,
        ),
      );
    });
    server.listen(port, address, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}
