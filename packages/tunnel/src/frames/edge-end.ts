import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorText } from '@kubeedge-ts/errors';
import type { WebSocket } from 'ws';
import { MAX_STREAMS, shortReason } from '../protocol.ts';
import type { ConnectType, DialTunnelOptions, EdgeTunnel } from '../types.ts';
import { connectTypeOf, decodeConnectBody } from './connect-body.ts';
import { encodeFrame, FRAME, type Frame } from './frame.ts';
import { createFrameSession } from './session.ts';

/** The edge's end of a frames tunnel, for an upstream cloud. */
export function createEdgeFrames(
  webSocket: WebSocket,
  socket: Socket,
  { nodeName: node, onConnect, clock, log }: DialTunnelOptions,
): EdgeTunnel {
  const onFrame = (frame: Frame): void => {
    const { connectId, type, data } = frame;
    if (type === FRAME.closeConnect) {
      session.end(shortReason(data.toString('utf8')) || 'the cloud asked for the end');
      return;
    }
    const connectType = connectTypeOf(type);
    if (connectType === undefined) log.warn({ connectId, type }, 'frame of an unknown type was ignored');
    else open(connectId, connectType, data);
  };

  const open = (connectId: number, type: ConnectType, body: Buffer): void => {
    if (session.streams.has(connectId)) {
      log.warn({ connectId, type }, 'connect id is in use, the frame was ignored');
      return;
    }
    if (session.streams.size >= MAX_STREAMS) {
      log.warn({ connectId, type, open: session.streams.size }, 'too many streams, one was refused');
      refuse(connectId);
      return;
    }
    let stream: Duplex | undefined;
    try {
      const request = decodeConnectBody(body);
      stream = session.streams.open(connectId);
      onConnect(type, request, stream);
    } catch (error) {
      log.warn({ connectId, type, err: errorText(error) }, 'request of the cloud was refused');
      if (stream === undefined) refuse(connectId);
      else stream.destroy();
    }
  };

  /** The protocol has no word for the reason. */
  const refuse = (connectId: number): void => session.send(encodeFrame(connectId, FRAME.removeConnect));

  const session = createFrameSession(webSocket, socket, { node, isEdge: true, onFrame, clock, log });
  return {
    kind: 'frames',
    get openStreams() {
      return session.streams.size;
    },
    close: session.end,
    closed: session.closed,
  };
}
