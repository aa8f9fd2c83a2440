import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { tunnelErrors } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import { type WebSocket, WebSocketServer } from 'ws';
import { MAX_STREAMS } from '../protocol.ts';
import type { FrameTunnel } from '../types.ts';
import { encodeConnectBody, frameTypeOf } from './connect-body.ts';
import { encodeFrame } from './frame.ts';
import { createFrameSession, WEBSOCKET_OPTIONS } from './session.ts';

export interface FrameUpgradesOptions {
  readonly nextConnectId: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

type Edge = Pick<FrameTunnel, 'nodeName' | 'internalIp' | 'remoteAddress'>;

/** The cloud's end of frames tunnels. */
export interface FrameUpgrades {
  /** Answers an upgrade request of an edge that was let in. A request that is no WebSocket's is refused here. */
  accept(
    request: IncomingMessage,
    socket: TLSSocket,
    head: Buffer,
    edge: Edge,
    onTunnel: (tunnel: FrameTunnel) => void,
  ): void;
}

export function createFrameUpgrades({ nextConnectId, clock, log }: FrameUpgradesOptions): FrameUpgrades {
  const upgrades = new WebSocketServer({ ...WEBSOCKET_OPTIONS, noServer: true, clientTracking: false });

  const open = (webSocket: WebSocket, socket: TLSSocket, edge: Edge): FrameTunnel => {
    const node = edge.nodeName;
    const session = createFrameSession(webSocket, socket, {
      node,
      isEdge: false,
      onFrame: ({ connectId, type }) =>
        log.debug({ node, connectId, type }, 'frame that an edge has no business sending'),
      clock,
      log,
    });
    const { streams, send } = session;

    return {
      kind: 'frames',
      ...edge,
      get openStreams() {
        return streams.size;
      },
      connect(type, request) {
        const { ended } = session;
        if (ended !== undefined) throw tunnelErrors.create('TUNNEL_CLOSED', { node, reason: ended });
        if (streams.size >= MAX_STREAMS)
          throw tunnelErrors.create('TUNNEL_BUSY', { node, open: streams.size, limit: MAX_STREAMS });
        const connectId = nextConnectId();
        const body = encodeConnectBody(connectId, type, request);
        const stream = streams.open(connectId);
        send(encodeFrame(connectId, frameTypeOf(type), body));
        return stream;
      },
      close: session.end,
      closed: session.closed,
    };
  };

  return {
    accept(request, socket, head, edge, onTunnel) {
      upgrades.handleUpgrade(request, socket, head, (webSocket) => onTunnel(open(webSocket, socket, edge)));
    },
  };
}
