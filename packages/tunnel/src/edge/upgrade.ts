import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** A TLS connection on which the edge asks for the tunnel now. */
export interface Upgrade {
  readonly socket: TLSSocket;
  readonly target: URL;
  /** With which the edge names itself. */
  readonly headers: Readonly<Record<string, string>>;
  readonly onError: (error: Error) => void;
  readonly onRefusal: (response: IncomingMessage) => void;
}
