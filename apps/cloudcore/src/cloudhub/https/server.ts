import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Module } from '@kubeedge-ts/beehive';
import { errorText, viaductErrors } from '@kubeedge-ts/errors';
import type { KubeClient } from '@kubeedge-ts/kube';
import { ERROR_CODE_HEADER } from '@kubeedge-ts/pki';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import createRouter from 'find-my-way';
import type { CloudCertificates } from '../certificates.ts';
import { type Caller, identifyCaller } from './caller.ts';
import { certificateRoutes } from './certificate-routes.ts';
import { readBody } from './read-body.ts';
import type { Route, RouteAnswer } from './route.ts';

export interface HttpsServerOptions {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  readonly certificates: CloudCertificates;
  readonly client: Pick<KubeClient, 'get'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Routes of other parts, e.g. CRD conversion. */
  readonly extraRoutes?: readonly Route[];
}

export interface HttpsServer extends Module {
  /** The port listened on; valid once started. */
  readonly port: number;
  /** The whole table: nothing else is ever served. */
  readonly routes: readonly Route[];
}

const REQUEST_TIMEOUT_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_CONNECTIONS = 1_024;
const STOP_GRACE_MS = 2_000;
/** What is read of a request that is refused anyway, so that the client gets to see the answer. */
const DRAIN_BYTES = 65_536;

/** The HTTPS listener on 10002: certificates for nodes that do not have one yet, and what others add. */
export function createHttpsServer(options: HttpsServerOptions): HttpsServer {
  const { certificates, clock, log } = options;
  const routes = [...certificateRoutes(options), ...(options.extraRoutes ?? [])];
  const ca = new X509Certificate(certificates.ca.certDer);
  const stopping = new AbortController();
  const router = createRouter<createRouter.HTTPVersion.V1>({ maxParamLength: 253, caseSensitive: true });
  for (const route of routes) router.on(route.method, route.path, () => undefined, route);

  const server = createServer(
    {
      ...certificates.server,
      minVersion: 'TLSv1.2',
      // A first enrolment has no certificate, and an expired one may be renewed: what is shown is checked per route.
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: HANDSHAKE_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
      keepAliveTimeout: 5_000,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => void serve(request, response),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('tlsClientError', (error) => log.debug({ err: errorText(error) }, 'TLS handshake failed'));

  const identify = (request: IncomingMessage): Caller => {
    const { socket } = request;
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    const { authorization } = request.headers;
    const { verify } = certificates.tokens;
    return identifyCaller({ certificate, authorization }, { ca, verifyToken: verify, now: clock.now() });
  };

  const answer = async (request: IncomingMessage, signal: AbortSignal): Promise<RouteAnswer> => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const found = router.find((request.method ?? '') as createRouter.HTTPMethod, path);
    const remoteAddress = request.socket.remoteAddress ?? '';
    if (found === null) {
      await readBody(request, DRAIN_BYTES);
      return { status: 401, body: 'not for you\n' };
    }
    const route = found.store as Route;
    const caller = identify(request);
    if (route.identity === 'node' && caller.kind !== 'token' && caller.kind !== 'certificate') {
      await readBody(request, DRAIN_BYTES);
      const refused = caller.kind === 'refused' ? caller : undefined;
      const reason = refused?.reason ?? 'a join token or the client certificate of the node is needed';
      log.warn({ path, remoteAddress, reason }, 'request refused');
      const body = `${reason}\n`;
      return refused?.code === undefined
        ? { status: 401, body }
        : { status: 401, body, headers: { [ERROR_CODE_HEADER]: refused.code } };
    }
    const input = await readBody(request, route.maxBodyBytes);
    if (input.kind === 'too-large') {
      return { status: 413, body: `the body may have ${route.maxBodyBytes} bytes\n` };
    }
    const { params } = found;
    const { headers } = request;
    return route.handler({ params, headers, body: input.body, caller, remoteAddress, signal });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the client went away')));
    // A timeout of AbortSignal would stay for its whole time, with all it refers to.
    const late = new AbortController();
    const cancelTimeout = clock.after(REQUEST_TIMEOUT_MS, () => late.abort(new Error('it took too long')));
    const signal = AbortSignal.any([gone.signal, stopping.signal, late.signal]);
    try {
      write(response, await answer(request, signal), request.complete);
    } catch (error) {
      if (response.destroyed || gone.signal.aborted) return;
      log.error({ method: request.method, path: request.url, err: errorText(error) }, 'request failed');
      if (!response.headersSent) write(response, { status: 500, body: 'internal error\n' }, false);
    } finally {
      cancelTimeout();
    }
  };

  return {
    name: 'cloudhub-https',
    routes,
    get port() {
      return (server.address() as AddressInfo | null)?.port ?? 0;
    },
    async start() {
      const { address, port } = options;
      await new Promise<void>((resolve, reject) => {
        server.once('error', (cause) =>
          reject(viaductErrors.create('VIADUCT_LISTEN', { address, port, problem: cause.message }, cause)),
        );
        server.listen(port, address, resolve);
      });
      server.removeAllListeners('error');
      server.on('error', (error) => log.error({ err: errorText(error) }, 'listener failed'));
      log.info({ address, port: (server.address() as AddressInfo).port }, 'certificate server listening');
    },
    async stop() {
      if (!server.listening) return;
      stopping.abort(new Error('server is stopping'));
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cancel = clock.after(STOP_GRACE_MS, () => server.closeAllConnections());
      await ended;
      cancel();
    },
  };
}

function write(response: ServerResponse, answer: RouteAnswer, keepAlive: boolean): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-type': answer.contentType ?? 'text/plain; charset=utf-8',
    'content-length': body.length,
    // A connection whose request was not read to its end cannot carry another one.
    ...(keepAlive ? {} : { connection: 'close' }),
  });
  response.end(body);
}
