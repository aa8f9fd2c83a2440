import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import { createRelays } from '@kubeedge-ts/runtime/relay';
import { dialRuntime } from './dial-runtime.ts';
import { isLoopbackHost } from './host-header.ts';
import { refuseUpgrade, sendError } from './http-answers.ts';
import { refusal } from './refusal.ts';
import { type AnswerName, admitCaller, type Caller, matchRoute, type StreamName } from './routes.ts';
import { reduceOffer } from './subprotocols.ts';

/** One request, after its route is found and its caller admitted. */
export interface Ask {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  /** Aborts when the asker has gone. */
  readonly signal: AbortSignal;
}

export type Answer = (ask: Ask, response: ServerResponse) => void | Promise<void>;
/** Resolves with where the runtime waits for the stream. */
export type StreamOpener = (ask: Ask) => Promise<URL>;

export interface KubeletApiOptions {
  readonly answers: Readonly<Record<AnswerName, Answer>>;
  readonly streams: Readonly<Record<StreamName, StreamOpener>>;
  /** The user's `enableDebuggingHandlers`. */
  readonly debuggingHandlers: boolean | undefined;
  readonly streamIdleMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of every answer begun, for the metrics. */
  readonly onRequest?: (method: string, route: string, longRunning: boolean) => void;
}

/** The kubelet's HTTP API (spec/edged.md §15), on loopback and for the tunnel of EdgeStream. */
export interface KubeletApi {
  handle(request: IncomingMessage, response: ServerResponse, caller: Caller): void;
  /** A request that asks for another protocol. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller): void;
  /** HTTP/1.1 on any stream of bytes, as the cloud: what a tunnel carries needs no port of this machine. */
  serve(stream: Duplex): void;
  /** A server that hands everything to this API; not listening yet. */
  server(caller: Caller): Server;
  /** Ends all streams and answers under way. */
  close(): void;
}

const MAX_STREAMS = 512;
/** The command of an exec stands in the path. */
const MAX_HEADER_BYTES = 262_144;
const HEAD_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_CONNECTIONS = 1_024;
const DIAL_MS = 30_000;
const STREAM_NAMES: readonly string[] = ['exec', 'attach', 'portForward'];

export function createKubeletApi(options: KubeletApiOptions): KubeletApi {
  const { answers, streams, debuggingHandlers, streamIdleMs, clock, log, onRequest } = options;
  const relays = createRelays({ clock, idleMs: streamIdleMs });
  const closing = new AbortController();
  let openStreams = 0;
  let answering = 0;

  /** @throws KubeEdgeError EDGED_REQUEST */
  const resolve = (request: IncomingMessage, caller: Caller) => {
    const { method = 'GET', url = '/', headers } = request;
    if (caller === 'loopback' && !isLoopbackHost(headers.host))
      throw refusal(403, `Host ${JSON.stringify(headers.host)} is not this machine's loopback`);
    const target = URL.parse(url, 'http://loopback');
    if (target === null) throw refusal(400, 'the request target is no path');
    const match = matchRoute(method, target.pathname);
    if (!('route' in match)) {
      if (match.status === 405) throw refusal(405, `method ${method} is not allowed`, match.allow.join(', '));
      throw refusal(
        match.status,
        match.status === 404 ? '404 page not found' : 'the path is no valid encoding',
      );
    }
    const verdict = admitCaller(match.route, caller, debuggingHandlers);
    if (!verdict.ok) throw refusal(verdict.status, verdict.why);
    return { ...match, query: target.searchParams };
  };

  const handle = async (
    request: IncomingMessage,
    response: ServerResponse,
    caller: Caller,
  ): Promise<void> => {
    const gone = new AbortController();
    const leave = (): void => gone.abort(new Error('the asker has gone'));
    response.once('close', leave);
    response.on('error', () => undefined);
    answering += 1;
    try {
      if (answering > MAX_STREAMS) throw refusal(503, 'too many requests at once');
      const { route, params, query } = resolve(request, caller);
      onRequest?.(request.method ?? '', route.name, false);
      if (isStream(route.name)) throw refusal(400, 'Upgrade request required');
      const signal = AbortSignal.any([gone.signal, closing.signal]);
      await answers[route.name]({ params, query, request, signal }, response);
    } catch (error) {
      if (!gone.signal.aborted) sendError(response, error);
    } finally {
      answering -= 1;
      response.off('close', leave);
    }
  };

  const stream = async (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    caller: Caller,
  ): Promise<void> => {
    const { route, params, query } = resolve(request, caller);
    onRequest?.(request.method ?? '', route.name, true);
    const kind = route.name;
    if (!isStream(kind)) throw refusal(400, 'this path is not upgraded');
    if (openStreams >= MAX_STREAMS) throw refusal(503, `more than ${MAX_STREAMS} open streams`);
    const offer = offerFor(kind, request);
    const dialing = new AbortController();
    const giveUp = (): void => dialing.abort(new Error('the asker has gone'));
    const cancel = clock.after(DIAL_MS, () =>
      dialing.abort(refusal(504, 'the container runtime does not answer')),
    );
    socket.once('close', giveUp);
    openStreams += 1;
    try {
      const target = await streams[kind]({ params, query, request, signal: dialing.signal });
      const runtime = await dialRuntime(target, request, offer, dialing.signal);
      runtime.socket.on('error', () => undefined);
      socket.off('close', giveUp);
      cancel();
      socket.write(runtime.answer);
      if (runtime.head.length > 0) socket.write(runtime.head);
      if (head.length > 0) runtime.socket.write(head);
      const carried = relays.join(socket, runtime.socket);
      if (closing.signal.aborted) relays.close();
      await carried;
    } finally {
      openStreams -= 1;
      cancel();
      socket.off('close', giveUp);
    }
  };

  const api: KubeletApi = {
    handle(request, response, caller) {
      void handle(request, response, caller);
    },
    upgrade(request, socket, head, caller) {
      socket.on('error', () => undefined);
      stream(request, socket, head, caller).catch((error) => {
        log.debug({ path: pathOf(request), err: errorText(error) }, 'stream refused');
        refuseUpgrade(socket, error);
      });
    },
    server(caller) {
      const server = createServer(
        {
          maxHeaderSize: MAX_HEADER_BYTES,
          headersTimeout: HEAD_TIMEOUT_MS,
          keepAliveTimeout: KEEP_ALIVE_MS,
          // an upgrade that other paths are asked for (h2c) may be ignored
          shouldUpgradeCallback: (request: IncomingMessage) => STREAM_NAMES.includes(firstSegment(request)),
        },
        (request, response) => api.handle(request, response, caller),
      );
      server.maxConnections = MAX_CONNECTIONS;
      server.on('upgrade', (request, socket, head) => api.upgrade(request, socket, head, caller));
      return server;
    },
    serve(byteStream) {
      tunnelServer ??= api.server('cloud');
      tunnelServer.emit('connection', byteStream);
    },
    close() {
      closing.abort(new Error('edged is stopping'));
      relays.close();
    },
  };
  let tunnelServer: Server | undefined;
  return api;
}

function isStream(name: AnswerName | StreamName): name is StreamName {
  return STREAM_NAMES.includes(name);
}

/** The WebSocket protocols to offer to the runtime; undefined leaves the client's headers as they are. */
function offerFor(kind: StreamName, { headers }: IncomingMessage): string | undefined {
  const protocol = headers.upgrade?.toLowerCase();
  if (protocol !== 'websocket' && protocol !== 'spdy/3.1')
    throw refusal(
      400,
      `unable to upgrade to ${JSON.stringify(headers.upgrade)}: SPDY/3.1 and websocket are served`,
    );
  const offered = headers['sec-websocket-protocol'];
  if (protocol !== 'websocket' || offered === undefined) return undefined;
  const offer = reduceOffer(kind, offered);
  if (offer === undefined)
    throw refusal(403, `no WebSocket protocol of ${JSON.stringify(offered)} is served; SPDY/3.1 is`);
  return offer;
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}

function firstSegment(request: IncomingMessage): string {
  return pathOf(request).split('/')[1] ?? '';
}
