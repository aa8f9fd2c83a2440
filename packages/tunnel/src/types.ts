import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { Admission, TlsMaterial } from '@kubeedge-ts/viaduct';

/**
 * `streams`: both ends are ours; every stream of bytes has its own flow control. `frames`: the other end is upstream's,
 * whose frames share one WebSocket (spec/cloudstream-edgestream.md §2.2).
 */
export type TunnelKind = 'streams' | 'frames';

interface TunnelBase {
  readonly nodeName: string;
  /** As the edge tells it; empty when it does not. */
  readonly internalIp: string;
  readonly remoteAddress: string;
  readonly openStreams: number;
  /** Ends all streams with TUNNEL_CLOSED and tells the edge why, which dials again. Idempotent. */
  close(reason: string): void;
  /** Resolves, never rejects, with the reason when the tunnel has ended. */
  readonly closed: Promise<string>;
}

/** The tunnel of an edge of ours, seen by the cloud. */
export interface StreamTunnel extends TunnelBase {
  readonly kind: 'streams';
  /**
   * One HTTP/1.1 connection to the node's kubelet API: bytes both ways, half-close and reset carried, written to at
   * once. A loss, of the tunnel too, is its `error` TUNNEL_CLOSED or TUNNEL_STREAM_RESET; `destroy` resets.
   * @throws KubeEdgeError TUNNEL_CLOSED, TUNNEL_BUSY
   */
  open(): Duplex;
}

/** What a connect frame asks the kubelet for (§2.3). */
export type ConnectType = 'logs' | 'exec' | 'attach' | 'metrics';

/** One request to a kubelet. */
export interface KubeletRequest {
  readonly method: string;
  /** With query, as on a request line: `/containerLogs/ns/pod/c?follow=true`. */
  readonly path: string;
  /** Canonical names (`X-Stream-Protocol-Version`) and all their values, in order. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** The tunnel of an upstream edge, seen by the cloud. */
export interface FrameTunnel extends TunnelBase {
  readonly kind: 'frames';
  /**
   * Sends the connect frame. The stream carries raw HTTP bytes for exec and attach, beginning with the kubelet's answer
   * head, and the bare body for logs and metrics. Ending or destroying it sends REMOVE_CONNECT after what was written;
   * the peer's REMOVE_CONNECT ends it after what came before was read: there is no half-close. A reader too far behind
   * loses its stream (TUNNEL_STREAM_BEHIND), never the tunnel. 1.9's edges end their process upon `attach` (§2.2).
   * @throws KubeEdgeError TUNNEL_CLOSED, TUNNEL_BUSY, TUNNEL_REQUEST_INVALID
   */
  connect(type: ConnectType, request: KubeletRequest): Duplex;
}

export type NodeTunnel = StreamTunnel | FrameTunnel;

export interface TunnelServer {
  readonly port: number;
  /** Takes effect for connections accepted from now on. */
  setTls(tls: TlsMaterial): void;
  /** Ends all tunnels. */
  close(): Promise<void>;
}

export interface TunnelServerOptions {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: TlsMaterial;
  /** Decides about an edge, e.g. viaduct's `admitNode()`; `projectId` of its argument is empty. */
  readonly admission: Admission;
  /** The next connect id of this process; one counter for all frame tunnels (§2.2). Default: one of this server. */
  readonly nextConnectId?: () => number;
  /** Handshakes that may be pending (default 1000), and the time one may take (default 10 s). */
  readonly maxPendingHandshakes?: number;
  readonly handshakeTimeoutMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The tunnel seen by the edge. */
export interface EdgeTunnel {
  readonly kind: TunnelKind;
  readonly openStreams: number;
  /** Ends all streams. Idempotent. */
  close(reason: string): void;
  /** Resolves, never rejects, with the reason when the tunnel has ended. */
  readonly closed: Promise<string>;
}

export interface DialTunnelOptions {
  /** `wss://host:port` or `host:port`; the port's default is 10004. */
  readonly url: string;
  /** The server is verified against its `ca`. */
  readonly tls: TlsMaterial;
  readonly nodeName: string;
  /** Empty: the cloud takes the address it sees. */
  readonly internalIp: string;
  readonly handshakeTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the dialling, not the tunnel. */
  readonly signal?: AbortSignal;
  /** A cloud of ours: one HTTP/1.1 connection. */
  onStream(stream: Duplex): void;
  /** An upstream cloud: one request; the stream carries what `FrameTunnel.connect` says. */
  onConnect(type: ConnectType, request: KubeletRequest, stream: Duplex): void;
}
