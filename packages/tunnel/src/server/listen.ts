import { constants } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { errorText, tunnelErrors } from '@kubeedge-ts/errors';
import { CIPHERS, certificateProblem, createPendingHandshakes, MIN_TLS_VERSION } from '@kubeedge-ts/viaduct';
import { createFrameUpgrades } from '../frames/cloud-end.ts';
import { STREAMS_PROTOCOL } from '../protocol.ts';
import { createStreamTunnel } from '../streams/cloud-end.ts';
import type { NodeTunnel, TunnelServer, TunnelServerOptions } from '../types.ts';
import { judge, peerOf } from './handshake.ts';

const MAX_HEADER_BYTES = 16_384;
const MAX_PENDING = 1_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const SWITCHING = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${STREAMS_PROTOCOL}\r\n\r\n`;

/**
 * Listens for the tunnels of edges. Every TLS connection needs a certificate of the hub CA and a request that
 * `admission` agrees to; what is pending is bounded in number, bytes and time.
 * @throws KubeEdgeError TUNNEL_LISTEN
 */
export async function listenTunnels(
  options: TunnelServerOptions,
  onTunnel: (tunnel: NodeTunnel) => void,
): Promise<TunnelServer> {
  const { admission, clock, log } = options;
  const open = new Set<NodeTunnel>();
  const frames = createFrameUpgrades({ nextConnectId: options.nextConnectId ?? countFromOne(), clock, log });
  const pending = createPendingHandshakes(clock, {
    max: options.maxPendingHandshakes ?? MAX_PENDING,
    timeoutMs: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
  });
  const server = createServer({
    ...options.tls,
    minVersion: MIN_TLS_VERSION,
    ciphers: CIPHERS,
    requestCert: true,
    // the chain is checked at the request, where a refusal can be told to the peer; without a valid one nothing is served
    rejectUnauthorized: false,
    // a resumed session would skip the check of the certificate's dates
    secureOptions: constants.SSL_OP_NO_TICKET,
    // docs/adr/032: a list would be copied for every connection
    ALPNCallback: ({ protocols }) =>
      [STREAMS_PROTOCOL, 'http/1.1'].find((protocol) => protocols.includes(protocol)),
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  server.on('connection', (socket) => pending.add(socket));

  server.on('upgrade', (request, socket, head) => {
    const verdict = judge(request, admission);
    if (!verdict.ok || !(socket instanceof TLSSocket)) {
      const { status, reason } = verdict.ok ? { status: 400, reason: 'TLS is required' } : verdict;
      log.warn({ ...whoAsks(request), status, reason }, 'tunnel refused');
      refuse(socket, status, reason);
      return;
    }
    const { edge } = verdict;
    if (verdict.kind === 'frames') {
      frames.accept(request, socket, head, edge, (tunnel) => accept(tunnel, socket));
      return;
    }
    if (head.length > 0) socket.unshift(head);
    socket.on('error', () => undefined);
    // HTTP/2 may take the socket over when nothing of ours is being written any more: Node ends the process otherwise
    socket.write(SWITCHING, (error) => {
      if (!error && !socket.destroyed)
        accept(createStreamTunnel(socket, edge, { node: edge.nodeName, clock, log }), socket);
    });
  });

  /** Apart from the handler of the upgrade, whose request would live as long as the tunnel. */
  const accept = (tunnel: NodeTunnel, socket: TLSSocket): void => {
    pending.done(socket);
    open.add(tunnel);
    const { kind, nodeName, remoteAddress } = tunnel;
    const fields = { node: nodeName, kind, remoteAddress };
    void tunnel.closed.then((reason) => {
      open.delete(tunnel);
      log.info({ ...fields, reason }, 'tunnel ended');
    });
    log.info(fields, 'tunnel opened');
    try {
      onTunnel(tunnel);
    } catch (error) {
      log.error({ ...fields, err: errorText(error) }, 'tunnel could not be taken');
      tunnel.close('internal error');
    }
  };

  server.on('request', (request, response) => {
    const problem = certificateProblem(request.socket);
    response.writeHead(problem === undefined ? 426 : 401, { connection: 'close', upgrade: 'websocket' });
    response.end(`${problem ?? 'this port speaks WebSocket'}\n`);
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('tlsClientError', (error) => log.debug({ err: errorText(error) }, 'TLS handshake failed'));

  await listen(server, options.address, options.port);
  server.on('error', (error) => log.error({ err: errorText(error) }, 'listener failed'));

  return {
    port: (server.address() as AddressInfo).port,
    setTls: (tls) => server.setSecureContext({ ...tls, minVersion: MIN_TLS_VERSION, ciphers: CIPHERS }),
    async close() {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      pending.destroyAll();
      server.closeAllConnections();
      await Promise.all(
        [...open].map((tunnel) => {
          tunnel.close('cloudcore is stopping');
          return tunnel.closed;
        }),
      );
      await ended;
    },
  };
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(tunnelErrors.create('TUNNEL_LISTEN', { address, port, problem: cause.message }, cause));
    server.once('error', fail);
    server.listen(port, address, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function refuse(socket: Duplex, status: number, reason: string): void {
  const body = `${reason}\n`;
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function whoAsks(request: IncomingMessage): object {
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return { remoteAddress: socket.remoteAddress };
  const { nodeName, commonName, remoteAddress } = peerOf(request, socket);
  return { node: nodeName, commonName, remoteAddress };
}

function countFromOne(): () => number {
  let last = 0;
  return () => {
    last += 1;
    return last;
  };
}
