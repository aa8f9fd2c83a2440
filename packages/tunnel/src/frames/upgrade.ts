import { WebSocket } from 'ws';
import type { Upgrade } from '../edge/upgrade.ts';
import { CONNECT_PATH } from '../protocol.ts';
import type { DialTunnelOptions, EdgeTunnel } from '../types.ts';
import { createEdgeFrames } from './edge-end.ts';
import { WEBSOCKET_OPTIONS } from './session.ts';

/** The WebSocket handshake as an upstream edge makes it, on a TLS connection there is already. */
export function upgradeToFrames(
  { socket, target, headers, onError, onRefusal }: Upgrade,
  options: DialTunnelOptions,
): Promise<EdgeTunnel> {
  const { promise, resolve } = Promise.withResolvers<EdgeTunnel>();
  const webSocket = new WebSocket(`wss://${target.host}${CONNECT_PATH}`, {
    ...WEBSOCKET_OPTIONS,
    headers,
    followRedirects: false,
    createConnection: () => socket,
  });
  webSocket.on('unexpected-response', (_request, response) => onRefusal(response));
  webSocket.on('error', onError);
  webSocket.on('open', () => {
    if (!socket.destroyed) resolve(createEdgeFrames(webSocket, socket, options));
  });
  return promise;
}
