import { connect } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { tunnelErrors } from '@kubeedge-ts/errors';
import { MAX_STREAMS } from '../protocol.ts';
import type { StreamTunnel } from '../types.ts';
import { createTunnelSession, SESSION_OPTIONS, type SessionPorts } from './session.ts';

/** The cloud's end of a streams tunnel: the client of HTTP/2, though it was the edge that dialled. */
export function createStreamTunnel(
  socket: TLSSocket,
  edge: Pick<StreamTunnel, 'nodeName' | 'internalIp' | 'remoteAddress'>,
  ports: SessionPorts,
): StreamTunnel {
  const { node } = ports;
  const start = () => connect('https://kubelet', { ...SESSION_OPTIONS, createConnection: () => socket });
  const { session, tunnel } = createTunnelSession(socket, start, ports, false);

  return {
    kind: 'streams',
    ...edge,
    get openStreams() {
      return tunnel.openStreams;
    },
    open() {
      const { ended, openStreams } = tunnel;
      if (ended !== undefined || session.closed || session.destroyed)
        throw tunnelErrors.create('TUNNEL_CLOSED', { node, reason: ended ?? 'it is ending' });
      if (openStreams >= MAX_STREAMS)
        throw tunnelErrors.create('TUNNEL_BUSY', { node, open: openStreams, limit: MAX_STREAMS });
      // written to before the edge has answered: a round trip saved for every command
      return tunnel.adopt(session.request({ ':method': 'CONNECT', ':authority': 'kubelet' }));
    },
    close: tunnel.end,
    closed: tunnel.closed,
  };
}
