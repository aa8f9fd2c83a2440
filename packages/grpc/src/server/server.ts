import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type Http2Server, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { grpcErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { type GrpcTarget, nameOf, unixTarget } from '../target.ts';
import { serveCall } from './call.ts';
import type { GrpcService, Handler } from './service.ts';

export type { GrpcService };

export interface GrpcServerOptions {
  /** A stale socket file at the path is replaced; port 0 picks one. */
  readonly listen: GrpcTarget;
  readonly services: readonly GrpcService[];
  readonly clock: Clock;
  /** Access bits of the unix socket; default 0o600. */
  readonly mode?: number;
  /** Longer requests are RESOURCE_EXHAUSTED; default 4 MiB, as gRPC's own. */
  readonly maxMessageBytes?: number;
  /** Further ones are closed at once; default 64. */
  readonly maxConnections?: number;
  /** Calls at a time per connection; default 64. */
  readonly maxConcurrentCalls?: number;
  /** How long a request may take to arrive, ms; default 30 s. */
  readonly requestMs?: number;
}

export interface GrpcServer {
  /** Where it listens, with the port it got. */
  readonly target: GrpcTarget;
  /** Aborts the calls under way, ends every connection and removes the socket. Idempotent. */
  close(): Promise<void>;
}

/** @throws KubeEdgeError GRPC_LISTEN_FAILED, GRPC_ENDPOINT_INVALID */
export async function createGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { listen, clock, services, maxConnections = 64, maxConcurrentCalls = 64 } = options;
  const limits = {
    maxMessageBytes: options.maxMessageBytes ?? 4 * 1024 * 1024,
    requestMs: options.requestMs ?? 30_000,
  };
  const handlers = new Map<string, Handler>(services.flatMap((service) => [...service]));
  const sessions = new Set<Http2Session>();
  const closing = new AbortController();
  const server = createServer({ settings: { maxConcurrentStreams: maxConcurrentCalls } });
  server.maxConnections = maxConnections;
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => session.destroy());
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => stream.destroy());
    void serveCall(handlers, stream as ServerHttp2Stream, headers, clock, limits, closing.signal);
  });

  try {
    if ('path' in listen) await removeStaleSocket(unixTarget(listen.path).path);
    await bind(server, listen);
    if ('path' in listen) await chmod(listen.path, options.mode ?? 0o600);
  } catch (cause) {
    server.close();
    const problem = (cause as Error).message;
    throw grpcErrors.create('GRPC_LISTEN_FAILED', { endpoint: nameOf(listen), problem }, cause);
  }
  const address = server.address() as AddressInfo | string;
  return {
    target: typeof address === 'string' ? { path: address } : { host: address.address, port: address.port },
    close() {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      return closed;
    },
  };
}

function bind(server: Http2Server, target: GrpcTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(target, () => {
      server.removeListener('error', reject);
      // Later ones (a peer gone before it was accepted) concern that peer only.
      server.on('error', () => {});
      resolve();
    });
  });
}

/** A socket left by a crash; anything else that has the name is not ours to remove. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket()) await unlink(path);
}
