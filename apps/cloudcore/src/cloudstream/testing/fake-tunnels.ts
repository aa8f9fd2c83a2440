import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import type { ConnectType, FrameTunnel, KubeletRequest, StreamTunnel } from '@kubeedge-ts/tunnel';

/** A kubelet behind a tunnel, in this process. */
export interface FakeStreamTunnel extends StreamTunnel {
  /** The node's ends of the streams that were opened. */
  readonly peers: readonly Duplex[];
}

export interface FakeKubelet {
  readonly onRequest?: RequestListener;
  /** The stream after the request's head; `head`: what came behind it. */
  readonly onUpgrade?: (request: import('node:http').IncomingMessage, stream: Duplex, head: Buffer) => void;
}

export function fakeStreamTunnel(
  nodeName: string,
  { onRequest, onUpgrade }: FakeKubelet = {},
  internalIp = '',
): FakeStreamTunnel {
  const server = createServer(
    { maxHeaderSize: 262_144 },
    onRequest ?? ((_request, response) => response.end()),
  );
  if (onUpgrade !== undefined) {
    server.on('upgrade', (request, stream: Duplex, head: Buffer) => {
      stream.on('error', () => undefined);
      onUpgrade(request, stream, head);
    });
  }
  const { promise: closed, resolve } = Promise.withResolvers<string>();
  const peers: Duplex[] = [];
  return {
    kind: 'streams',
    nodeName,
    internalIp,
    remoteAddress: '192.0.2.7',
    get openStreams() {
      return peers.filter((peer) => !peer.destroyed).length;
    },
    peers,
    closed,
    close(reason) {
      for (const peer of peers) peer.destroy();
      resolve(reason);
    },
    open() {
      const [near, far] = linkedPair();
      peers.push(far);
      server.emit('connection', far);
      return near;
    },
  };
}

/** A pair whose loss is seen on the other side, as a tunnel's streams show it. */
export function linkedPair(): [Duplex, Duplex] {
  const [near, far] = duplexPair({ highWaterMark: 65_536 });
  const link = (from: Duplex, to: Duplex): void => {
    from.on('error', () => undefined);
    from.once('close', () => {
      if (!from.writableFinished && !to.destroyed) to.destroy(new Error('stream was reset'));
    });
  };
  link(near, far);
  link(far, near);
  return [near, far];
}

export interface FrameConnect {
  readonly type: ConnectType;
  readonly request: KubeletRequest;
  /** The node's end. */
  readonly stream: Duplex;
}

export interface FakeFrameTunnel extends FrameTunnel {
  readonly connects: readonly FrameConnect[];
}

export function fakeFrameTunnel(
  nodeName: string,
  onConnect: (connect: FrameConnect) => void = () => undefined,
): FakeFrameTunnel {
  const { promise: closed, resolve } = Promise.withResolvers<string>();
  const connects: FrameConnect[] = [];
  return {
    kind: 'frames',
    nodeName,
    internalIp: '',
    remoteAddress: '192.0.2.8',
    openStreams: 0,
    connects,
    closed,
    close: resolve,
    connect(type, request) {
      const [near, stream] = linkedPair();
      const connect = { type, request, stream };
      connects.push(connect);
      onConnect(connect);
      return near;
    },
  };
}
