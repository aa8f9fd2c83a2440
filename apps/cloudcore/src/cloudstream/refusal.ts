import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { cloudcoreErrors, errorText, isKubeEdgeError, type KubeEdgeError } from '@kubeedge-ts/errors';

/** A request that is answered with that status and text. */
export function refusal(status: number, problem: string): KubeEdgeError {
  return cloudcoreErrors.create('CLOUDCORE_KUBELET_REQUEST', { status, problem });
}

/**
 * Status and text that an error is answered with. What stands between the API server and the kubelet is a 502: of all
 * the 5xx that say so it is the one whose text kubectl shows.
 */
export function answerOf(error: unknown): { readonly status: number; readonly text: string } {
  if (isKubeEdgeError(error, 'CLOUDCORE_KUBELET_REQUEST')) {
    return { status: Number(error.details['status']), text: error.message };
  }
  return { status: 502, text: errorText(error) };
}

/** The same on a connection that was to be upgraded. */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  const { status, text } = answerOf(error);
  answerUpgrade(socket, status, 'text/plain; charset=utf-8', `${text}\n`);
}

export function answerUpgrade(
  socket: Duplex,
  status: number,
  contentType: string,
  body: string | Buffer,
): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.on('error', () => undefined);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  socket.write(head);
  socket.end(body, () => socket.destroy());
}
