import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import { createRelays } from '@kubeedge-ts/runtime/relay';
import type { NodeTunnel } from '@kubeedge-ts/tunnel';
import type { Access } from './access.ts';
import type { UserInfo } from './caller.ts';
import { connectRaw, connectTypeOf, forwardBody } from './forward/frames.ts';
import { type Exchange, forwardPlain } from './forward/plain.ts';
import { forwardUpgrade } from './forward/upgrade.ts';
import { type KubeletRoute, type Match, matchRoute, normalTarget } from './kubelet-routes.ts';
import type { Found, NodeLookup } from './node-lookup.ts';
import { answerOf, refusal, refuseUpgrade } from './refusal.ts';

export interface KubeletHandlerOptions {
  readonly access: Access;
  readonly lookup: NodeLookup;
  /** The node whose port this is; undefined: the port all nodes share. */
  readonly nodeOfPort: (port: number) => string | undefined;
  readonly tunnelOf: (node: string) => NodeTunnel | undefined;
  /** `status.nodeInfo.kubeletVersion` of the node. */
  readonly kubeletVersionOf: (node: string) => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The kubelet API of all nodes: authenticated, authorized, and handed to the tunnel of the node it is for. */
export interface KubeletHandler {
  handle(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Whether an offer to change the protocol is taken up; elsewhere it is ignored, as HTTP allows. */
  upgrades(request: IncomingMessage): boolean;
  /** Ends all that is under way. */
  close(): void;
}

/** The edge ends what is idle for `streamingConnectionIdleTimeout`, 4 h unless it is told otherwise; here only the rest. */
const STREAM_IDLE_MS = 24 * 3_600_000;
const MAX_UNDER_WAY = 4_096;

interface Admitted extends Exchange {
  readonly route: KubeletRoute;
  readonly tunnel: NodeTunnel;
}

export function createKubeletHandler(options: KubeletHandlerOptions): KubeletHandler {
  const { access, lookup, nodeOfPort, tunnelOf, kubeletVersionOf, clock, log } = options;
  const relays = createRelays({ clock, idleMs: STREAM_IDLE_MS });
  const closing = new AbortController();
  const responses = new Set<ServerResponse | Duplex>();

  const nodeFor = async (
    request: IncomingMessage,
    params: Readonly<Record<string, string>>,
  ): Promise<Found> => {
    const node = nodeOfPort(request.socket.localPort ?? 0);
    if (node !== undefined) return { node };
    const forwardedUri = request.headers['x-forwarded-uri'];
    return lookup.find(
      {
        params,
        forwardedUri: typeof forwardedUri === 'string' ? forwardedUri : undefined,
        host: request.headers.host,
      },
      closing.signal,
    );
  };

  /** @throws KubeEdgeError CLOUDCORE_KUBELET_REQUEST, TUNNEL_* */
  const admit = async (request: IncomingMessage): Promise<Admitted> => {
    const { method = 'GET', url = '/' } = request;
    const user: UserInfo = await access.authenticate(request);
    const normal = normalTarget(url);
    if (normal === undefined) throw refusal(400, 'the request target is no path');
    const match = matchRoute(method, normal.pathname);
    if (!('route' in match)) throw noRoute(match, method);
    const { route, params } = match;
    const found = await nodeFor(request, params);
    await access.authorize(user, method, route, found.node ?? '');
    if (found.node === undefined) throw refusal(404, `the request is for no node: ${found.why}`);
    const { node } = found;
    const tunnel = tunnelOf(node);
    if (tunnel === undefined) {
      throw refusal(
        502,
        `node ${node} has no tunnel to this cloudcore: it is offline, or its edgeStream is switched off or cannot reach cloudcore's tunnelPort`,
      );
    }
    log.debug({ user: user.username, node, method, path: route.path }, 'kubelet request');
    return { route, tunnel, node, target: normal.target, request };
  };

  /** Counts what is under way, and lets it be ended. */
  const underWay = async (end: ServerResponse | Duplex, work: () => Promise<void>): Promise<void> => {
    if (responses.size >= MAX_UNDER_WAY) throw refusal(503, 'too many requests at once');
    responses.add(end);
    try {
      await work();
    } finally {
      responses.delete(end);
    }
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on('error', () => undefined);
    try {
      await underWay(response, async () => {
        const admitted = await admit(request);
        const { route, tunnel, node } = admitted;
        if (route.upgrade) throw refusal(400, 'Upgrade request required');
        if (tunnel.kind === 'streams') return forwardPlain(tunnel.open(), admitted, response);
        const type = connectTypeOf(route, node, kubeletVersionOf(node));
        return forwardBody(tunnel, type, admitted, response);
      });
    } catch (error) {
      if (response.destroyed) return;
      log.debug({ path: request.url?.slice(0, 200), err: errorText(error) }, 'kubelet request refused');
      sendError(request, response, error);
    }
  };

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> =>
    underWay(socket, async () => {
      const admitted = await admit(request);
      const { route, tunnel, node } = admitted;
      if (!route.upgrade) throw refusal(400, 'this path is not upgraded');
      const stream =
        tunnel.kind === 'streams'
          ? tunnel.open()
          : connectRaw(tunnel, connectTypeOf(route, node, kubeletVersionOf(node)), admitted);
      await forwardUpgrade(stream, admitted, { socket, head }, { relays, clock });
    });

  return {
    handle(request, response) {
      void handle(request, response);
    },
    upgrade(request, socket, head) {
      socket.on('error', () => undefined);
      upgrade(request, socket, head).catch((error: unknown) => {
        log.debug({ path: request.url?.slice(0, 200), err: errorText(error) }, 'kubelet stream refused');
        refuseUpgrade(socket, error);
      });
    },
    upgrades({ method = 'GET', url = '/' }) {
      const match = matchRoute(method, normalTarget(url)?.pathname ?? '');
      return 'route' in match && match.route.upgrade;
    },
    close() {
      closing.abort(new Error('cloudcore is stopping'));
      relays.close();
      // what was told a last word is let to read it
      for (const end of responses) if (!end.writableEnded) end.destroy();
    },
  };
}

function noRoute(match: Exclude<Match, { route: KubeletRoute }>, method: string): Error {
  if (match.status === 405) {
    return refusal(405, `method ${method} is not allowed, only ${[...new Set(match.allow)].join(', ')}`);
  }
  return refusal(match.status, match.status === 404 ? '404 page not found' : 'the path is no valid encoding');
}

function sendError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, text } = answerOf(error);
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    // without a newline: the API server quotes it
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
    // a connection whose request was not read to its end cannot carry another one
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(text);
}
