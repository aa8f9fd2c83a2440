import http from 'node:http';
import https from 'node:https';
import { kubeErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import type { RequestLine } from './status.ts';

/** TLS settings of the connection to an API server; PEM. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

export interface TransportRequest extends RequestLine {
  /** A list is sent as one header per item. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
  /** Until the whole answer is there, ms. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface StreamResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly stream: http.IncomingMessage;
}

/** HTTP/1.1 to one server. Failures are KUBE_UNREACHABLE, KUBE_TIMEOUT, KUBE_RESPONSE_TOO_LARGE or the signal's reason. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  /** Resolves with the headers; the deadline covers the headers only. The stream lives on a connection of its own. */
  open(request: TransportRequest): Promise<StreamResponse>;
  close(): void;
}

// A dead peer is noticed by TCP keepalive: 30 s idle, then the system's probes.
const KEEPALIVE_MS = 30_000;
const MAX_SOCKETS = 128;

export function createTransport(server: URL, tls: TlsOptions, clock: Clock): Transport {
  const module = server.protocol === 'https:' ? https : http;
  const secure = {
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    servername: tls.serverName,
    minVersion: 'TLSv1.2' as const,
  };
  const common = { keepAlive: true, keepAliveMsecs: KEEPALIVE_MS, ...(module === https ? secure : {}) };
  const calls = new module.Agent({ ...common, maxSockets: MAX_SOCKETS, maxFreeSockets: 16 });
  // Long-lived watches must never wait for, or take, a place among the calls.
  const streams = new module.Agent({ ...common, maxFreeSockets: 0 });
  const dropIdle = (): void => {
    for (const idle of Object.values(calls.freeSockets)) for (const socket of idle ?? []) socket.destroy();
  };
  const prefix = server.pathname.replace(/\/+$/, '');

  const unreachable = (line: RequestLine, cause: unknown) =>
    kubeErrors.create(
      'KUBE_UNREACHABLE',
      { server: server.origin, method: line.method, path: line.path },
      cause,
    );

  /** Starts the request; `settle` ends its deadline. */
  const start = (
    agent: http.Agent,
    line: TransportRequest,
    onResponse: (response: http.IncomingMessage) => void,
    onFailure: (error: unknown) => void,
  ) => {
    const request = module.request({
      protocol: server.protocol,
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? undefined : Number(server.port),
      path: `${prefix}${line.path}`,
      method: line.method,
      headers:
        line.body === undefined
          ? line.headers
          : { ...line.headers, 'content-length': Buffer.byteLength(line.body) },
      agent,
    });
    let reason: unknown;
    const abandon = (error: unknown): void => {
      reason ??= error;
      request.destroy();
      onFailure(reason);
    };
    const { method, path, timeoutMs } = line;
    const cancelDeadline = clock.after(timeoutMs, () =>
      abandon(kubeErrors.create('KUBE_TIMEOUT', { method, path, timeoutMs })),
    );
    const onAbort = (): void => abandon(line.signal?.reason);
    line.signal?.addEventListener('abort', onAbort, { once: true });
    request.on('response', onResponse);
    request.on('error', (error) => {
      // One kept connection was found dead: the server has probably restarted, and the others are dead as well.
      if (request.reusedSocket && reason === undefined) dropIdle();
      onFailure(reason ?? unreachable(line, error));
    });
    request.end(line.body);
    return {
      request,
      abandon,
      endDeadline: cancelDeadline,
      settle: () => {
        cancelDeadline();
        line.signal?.removeEventListener('abort', onAbort);
      },
    };
  };

  return {
    async send(line) {
      line.signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
      const call = start(
        calls,
        line,
        (response) => {
          const chunks: Buffer[] = [];
          let length = 0;
          response.on('data', (chunk: Buffer) => {
            length += chunk.length;
            if (length > line.maxBodyBytes) {
              const { method, path, maxBodyBytes: limit } = line;
              call.abandon(kubeErrors.create('KUBE_RESPONSE_TOO_LARGE', { method, path, limit }));
            } else chunks.push(chunk);
          });
          response.on('error', (error) => reject(unreachable(line, error)));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks, length),
            }),
          );
        },
        reject,
      );
      try {
        return await promise;
      } finally {
        call.settle();
      }
    },

    async open(line) {
      line.signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<StreamResponse>();
      const call = start(
        streams,
        line,
        (response) => {
          call.endDeadline();
          response.once('close', call.settle);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, stream: response });
        },
        reject,
      );
      try {
        return await promise;
      } catch (error) {
        call.settle();
        throw error;
      }
    },

    close() {
      calls.destroy();
      streams.destroy();
    },
  };
}
