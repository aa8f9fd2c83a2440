import { constants } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { errorText, viaductErrors } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { KubeletHandler } from './kubelet-handler.ts';

/** What the listeners show, and whom they believe. PEM. */
export interface KubeletServerTls {
  readonly cert: string;
  readonly key: string;
  /** Whoever shows a certificate of one of these is looked at further; no rights come of it. */
  readonly clientCas: readonly string[];
}

export interface KubeletServerOptions {
  readonly handler: KubeletHandler;
  readonly tls: KubeletServerTls;
  /** Of the machine to listen on; undefined: all. */
  readonly address?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One HTTP server for all ports of the kubelet API. */
export interface KubeletServer {
  /** The port all nodes share; 0: any free one. Resolves with it. @throws KubeEdgeError VIADUCT_LISTEN */
  listen(port: number): Promise<number>;
  /** Takes a connection of another listener. */
  accept(socket: Socket): void;
  /** Takes effect for connections accepted from now on. */
  setTls(tls: KubeletServerTls): void;
  close(): Promise<void>;
}

const HEAD_TIMEOUT_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 120_000;
/** The command of an exec stands in the path. */
const MAX_HEADER_BYTES = 262_144;
const MAX_CONNECTIONS = 8_192;
/** A peer that is gone without a word is noticed by the system's probes from then on. */
const PROBE_AFTER_MS = 30_000;
const STOP_GRACE_MS = 1_000;

export function createKubeletServer(options: KubeletServerOptions): KubeletServer {
  const { handler, address, clock, log } = options;
  const sockets = new Set<Socket>();
  const server = createServer(
    {
      ...contextOf(options.tls),
      // what is shown is looked at per request, where a refusal can be told
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: HEAD_TIMEOUT_MS,
      connectionsCheckingInterval: 10_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // half-closed streams stay open the other way
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
      shouldUpgradeCallback: (request: IncomingMessage) => handler.upgrades(request),
      ALPNProtocols: ['http/1.1'],
    },
    handler.handle,
  );
  server.on('upgrade', handler.upgrade);
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('tlsClientError', (error) => log.debug({ err: errorText(error) }, 'TLS handshake failed'));
  server.maxConnections = MAX_CONNECTIONS;
  server.prependListener('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  return {
    async listen(port) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', (cause) =>
          reject(
            viaductErrors.create(
              'VIADUCT_LISTEN',
              { address: address ?? '*', port, problem: cause.message },
              cause,
            ),
          ),
        );
        server.listen({ port, host: address }, resolve);
      });
      server.removeAllListeners('error');
      server.on('error', (error) => log.error({ err: errorText(error) }, 'listener failed'));
      return (server.address() as AddressInfo).port;
    },
    accept(socket) {
      if (sockets.size >= MAX_CONNECTIONS) socket.destroy();
      else server.emit('connection', socket);
    },
    setTls: (tls) => server.setSecureContext(contextOf(tls)),
    async close() {
      const ended = server.listening
        ? new Promise<void>((resolve) => server.close(() => resolve()))
        : Promise.resolve();
      handler.close();
      // what was answered just now may still be on its way
      const cancel = clock.after(STOP_GRACE_MS, () => {
        for (const socket of sockets) socket.destroy();
      });
      server.closeIdleConnections();
      await ended;
      cancel();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function contextOf({ cert, key, clientCas }: KubeletServerTls) {
  return {
    cert,
    key,
    ca: [...clientCas],
    minVersion: 'TLSv1.2' as const,
    // A resumed session would skip the check of the certificate's dates.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
