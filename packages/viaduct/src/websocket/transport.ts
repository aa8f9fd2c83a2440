import type { Transport } from '../types.ts';
import type { ConnectionPorts } from './connection.ts';
import { dialWebSocket } from './dial.ts';
import { listenWebSocket } from './server.ts';

/** The cloud-edge link over WebSocket with mutual TLS, as upstream speaks it (spec/message-protocol.md §2.1). */
export function createWebSocketTransport(ports: ConnectionPorts): Transport {
  let last = 0;
  const nextId = (): string => {
    last += 1;
    return `ws-${last}`;
  };
  return {
    listen: (options, admission, onConnection) =>
      listenWebSocket({ ...ports, nextId }, options, admission, onConnection),
    dial: (options) => dialWebSocket({ ...ports, nextId }, options),
  };
}
