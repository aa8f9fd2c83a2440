/** Why a connection ended. `local` is true when this side closed it. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
  readonly local: boolean;
}

/** What the TLS layer and the upgrade request say about the peer. */
export interface PeerIdentity {
  /** Header `node_id`; on the server it has been compared with the certificate. */
  readonly nodeName: string;
  readonly projectId: string;
  /** Subject of the peer certificate. */
  readonly commonName: string;
  readonly organization: string;
  readonly remoteAddress: string;
  /** All upgrade headers, lower-case names. Capabilities of our own ends are negotiated here. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One cloud-edge link carrying text frames in both directions, in order. */
export interface Connection {
  /** Unique in this process. */
  readonly id: string;
  readonly peer: PeerIdentity;
  /**
   * Begins reading. The handler is called for one frame at a time, in order; while its promise is pending no further
   * frame is handed over, and after a small lookahead none is read (back-pressure reaches the peer). A handler that
   * throws closes the connection. Nothing is handed over once the connection has ended or `close` was called.
   */
  start(handler: (text: string) => void | Promise<void>): void;
  /**
   * Writes one frame. Resolves when it was handed to the socket, i.e. at once while the socket keeps up.
   * @throws KubeEdgeError VIADUCT_CLOSED, VIADUCT_TOO_LARGE, VIADUCT_BUFFER_FULL (the caller did not wait)
   */
  send(text: string): Promise<void>;
  /**
   * Resolves when the peer has answered a ping sent after everything before it: proof of receipt. Our own ends answer
   * only after their handler is done with every frame before the ping.
   * @throws KubeEdgeError VIADUCT_CLOSED; the signal's reason
   */
  ping(signal?: AbortSignal): Promise<void>;
  /** Bytes accepted by `send` and not yet written. */
  readonly bufferedBytes: number;
  /** Closes (1000 by default) and destroys the socket after a short grace. Idempotent. */
  close(code?: number, reason?: string): void;
  readonly closed: Promise<CloseReason>;
}

export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface ServerOptions {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: TlsMaterial;
  /** Largest frame accepted, bytes. */
  readonly maxFrameBytes: number;
  /** Further headers of the answer to an upgrade, e.g. capabilities; called for each. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Upgrades that may be pending, and the time one may take, ms. */
  readonly maxPendingHandshakes?: number;
  readonly handshakeTimeoutMs?: number;
  /** The deadline of one `send`, ms (default 30 s); an exceeded one closes the connection. */
  readonly writeTimeoutMs?: number;
  /** Largest frame `send` takes, bytes; default 32 MiB, what upstream's ends accept. */
  readonly maxSendBytes?: number;
  /** Most bytes a connection may hold unwritten; `send` refuses more. Default: twice `maxSendBytes`. */
  readonly maxBufferedBytes?: number;
}

/** Decides about an upgrade request before it is answered. A refusal becomes that HTTP status. */
export type Admission = (
  peer: PeerIdentity,
) => { readonly accept: true } | { readonly accept: false; readonly status: number; readonly reason: string };

export interface Server {
  readonly port: number;
  close(): Promise<void>;
}

/** A transport: WebSocket now, others later. Every implementation passes the compliance suite. */
export interface Transport {
  listen(
    options: ServerOptions,
    admission: Admission,
    onConnection: (connection: Connection) => void,
  ): Promise<Server>;
  /** @throws KubeEdgeError VIADUCT_REFUSED (with HTTP status), VIADUCT_UNREACHABLE, VIADUCT_TLS; the signal's reason */
  dial(options: DialOptions): Promise<Connection>;
}

export interface DialOptions {
  /** `wss://host:port/{projectId}/{nodeName}/events`. */
  readonly url: string;
  readonly tls: TlsMaterial;
  readonly nodeName: string;
  readonly projectId: string;
  /** Further upgrade headers, e.g. capabilities. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly maxFrameBytes: number;
  readonly handshakeTimeoutMs: number;
  /** The deadline of one `send`, ms; an exceeded one closes the connection. */
  readonly writeTimeoutMs?: number;
  /** As in `ServerOptions`. */
  readonly maxSendBytes?: number;
  readonly maxBufferedBytes?: number;
  readonly signal?: AbortSignal;
}
