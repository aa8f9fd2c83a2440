import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from './caller.ts';

/**
 * Who may call a route of the 10002 listener.
 * `anyone`: no credential is needed, `reason` says why that is right; `node`: a join token or a node's certificate.
 */
export type RouteIdentity = 'anyone' | 'node';

export interface RouteRequest {
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly caller: Caller;
  readonly remoteAddress: string;
  /** Aborts when the client is gone, the request's deadline passes, or the server stops. */
  readonly signal: AbortSignal;
}

export interface RouteAnswer {
  readonly status: number;
  readonly body: string | Uint8Array;
  /** Default `text/plain; charset=utf-8`. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One entry of the listener's table. What is not in the table is answered with 401 (DESIGN §11). */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** find-my-way pattern, e.g. `/node/:name`. */
  readonly path: string;
  readonly identity: RouteIdentity;
  readonly reason: string;
  readonly maxBodyBytes: number;
  /** A failure becomes 500 and is logged. */
  readonly handler: (request: RouteRequest) => Promise<RouteAnswer>;
}
