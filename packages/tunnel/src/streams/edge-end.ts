import { constants, performServerHandshake } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { errorText } from '@kubeedge-ts/errors';
import type { EdgeTunnel } from '../types.ts';
import { createTunnelSession, SESSION_OPTIONS, type SessionPorts } from './session.ts';

/** The edge's end of a streams tunnel: the server of HTTP/2 on the connection it has dialled. */
export function createEdgeStreams(
  socket: TLSSocket,
  onStream: (stream: Duplex) => void,
  ports: SessionPorts,
): EdgeTunnel {
  const start = () => performServerHandshake(socket, SESSION_OPTIONS);
  const { session, tunnel } = createTunnelSession(socket, start, ports, true);

  session.on('stream', (inner, headers) => {
    if (headers[':method'] !== 'CONNECT') {
      inner.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const stream = tunnel.adopt(inner);
    try {
      inner.respond({ ':status': 200 });
      onStream(stream);
    } catch (error) {
      ports.log.error({ err: errorText(error) }, 'a stream of the tunnel could not be served');
      stream.destroy();
    }
  });

  return {
    kind: 'streams',
    get openStreams() {
      return tunnel.openStreams;
    },
    close: tunnel.end,
    closed: tunnel.closed,
  };
}
