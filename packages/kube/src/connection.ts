import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, sleep } from '@kubeedge-ts/runtime';
import type { ClusterConfig, Credentials } from './cluster-config.ts';
import { decodeStatus } from './decode.ts';
import { type RequestLine, statusError } from './status.ts';
import {
  createTransport,
  type StreamResponse,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
import type { CallOptions, RawResponse } from './types.ts';

export interface ConnectionRequest extends RequestLine {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly contentType?: string;
}

/** Authenticated requests to one API server. */
export interface Connection {
  /** The answer of any status, as it came. */
  exchange(request: ConnectionRequest, options: CallOptions): Promise<RawResponse>;
  /** The answer of a success. @throws KUBE_STATUS otherwise */
  send(request: ConnectionRequest, options: CallOptions): Promise<RawResponse>;
  /** The answer of a success, as a stream. @throws KUBE_STATUS otherwise */
  open(request: ConnectionRequest, options: CallOptions): Promise<StreamResponse>;
  close(): void;
}

type Headers = TransportRequest['headers'];

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BODY_BYTES = 65_536;
const MAX_THROTTLED_RETRIES = 5;

export function createConnection(
  config: ClusterConfig,
  ports: { readonly clock: Clock; readonly userAgent: string },
): Connection {
  const { clock, userAgent } = ports;
  let current: { credentials: Credentials; transport: Transport } | undefined;
  const retired = new Set<Transport>();

  /** A rotated client certificate needs new connections; the old ones finish what they carry. */
  const transportFor = (credentials: Credentials): Transport => {
    const same =
      current !== undefined &&
      current.credentials.cert === credentials.cert &&
      current.credentials.key === credentials.key;
    if (current !== undefined && same) return current.transport;
    if (current !== undefined) retired.add(current.transport);
    const tls = {
      ca: config.ca,
      serverName: config.serverName,
      cert: credentials.cert,
      key: credentials.key,
    };
    current = { credentials, transport: createTransport(config.server, tls, clock) };
    return current.transport;
  };

  const headersOf = (request: ConnectionRequest, credentials: Credentials, options: CallOptions): Headers => {
    const headers: Record<string, string | string[]> = {
      accept: 'application/json',
      'user-agent': userAgent,
    };
    const { authorization } = credentials;
    if (authorization !== undefined) headers['authorization'] = authorization;
    if (request.contentType !== undefined) headers['content-type'] = request.contentType;
    const as = options.impersonate ?? config.impersonate;
    if (as !== undefined) {
      headers['impersonate-user'] = as.user;
      if (as.groups.length > 0) headers['impersonate-group'] = [...as.groups];
    }
    return { ...headers, ...request.headers };
  };

  /** Runs `attempt`; once more with new credentials when the server does not accept the old ones. */
  const authenticated = async <R extends { status: number }>(
    request: ConnectionRequest,
    options: CallOptions,
    attempt: (transport: Transport, headers: Headers) => Promise<R>,
    discard: (answer: R) => void,
  ): Promise<R> => {
    const credentials = await config.authenticator.credentials(options.signal);
    const answer = await attempt(transportFor(credentials), headersOf(request, credentials, options));
    if (answer.status !== 401) return answer;
    const renewed = await config.authenticator.credentials(options.signal, credentials);
    if (renewed === credentials) return answer;
    discard(answer);
    return attempt(transportFor(renewed), headersOf(request, renewed, options));
  };

  const lineOf = (request: ConnectionRequest, headers: Headers, options: CallOptions, deadline: number) => ({
    method: request.method,
    path: request.path,
    headers,
    body: request.body,
    signal: options.signal,
    timeoutMs: Math.max(0, deadline - clock.monotonic()),
    maxBodyBytes: MAX_BODY_BYTES,
  });

  const deadlineOf = (options: CallOptions): number =>
    clock.monotonic() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);

  const exchange = async (request: ConnectionRequest, options: CallOptions): Promise<RawResponse> => {
    const deadline = deadlineOf(options);
    const once = () =>
      authenticated<TransportResponse>(
        request,
        options,
        (transport, headers) => transport.send(lineOf(request, headers, options, deadline)),
        () => {},
      );
    let answer = await once().catch((error: unknown) => {
      // A kept-alive connection may be closed by the server just as it is used again.
      if (request.method === 'GET' && wasReset(error)) return once();
      throw error;
    });
    for (let retry = 0; retry < MAX_THROTTLED_RETRIES && answer.status === 429; retry++) {
      const waitMs = Number(answer.headers['retry-after'] ?? Number.NaN) * 1000;
      if (!(waitMs >= 0 && clock.monotonic() + waitMs < deadline)) break;
      await sleep(clock, waitMs, options.signal);
      answer = await once();
    }
    return answer;
  };

  return {
    exchange,

    async send(request, options) {
      const answer = await exchange(request, options);
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw statusError(decodeStatus(answer.status, answer.body), request);
    },

    async open(request, options) {
      const deadline = deadlineOf(options);
      const answer = await authenticated(
        request,
        options,
        (transport, headers) => transport.open(lineOf(request, headers, options, deadline)),
        (rejected) => rejected.stream.destroy(),
      );
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw statusError(decodeStatus(answer.status, await firstBytes(answer.stream)), request);
    },

    close() {
      current?.transport.close();
      for (const transport of retired) transport.close();
      retired.clear();
    },
  };
}

function wasReset(error: unknown): boolean {
  return (
    isKubeEdgeError(error, 'KUBE_UNREACHABLE') && (error.cause as { code?: string })?.code === 'ECONNRESET'
  );
}

async function firstBytes(stream: StreamResponse['stream']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_ERROR_BODY_BYTES) break;
  }
  return Buffer.concat(chunks, length);
}
