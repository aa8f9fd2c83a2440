import type { IncomingMessage } from 'node:http';

/** Address of the client as X-Forwarded-For names it. */
export function clientAddress({ socket }: IncomingMessage): string {
  return (socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
}
