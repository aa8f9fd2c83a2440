import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { cloudcoreErrors, errorText, isKubeEdgeError, type KubeEdgeError } from '@kubeedge-ts/errors';
import { failure } from '@kubeedge-ts/kube';

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
  answerUpgrade(socket, status, text);
}

/**
 * As a Status: client-go tries to read a refusal as one, in YAML, too, so that any text with a colon in it would be one
 * that says nothing.
 */
export function answerUpgrade(socket: Duplex, status: number, message: string): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.on('error', () => undefined);
  const reason = status >= 500 ? { reason: 'InternalError' } : {};
  const body = JSON.stringify(failure(status, message, reason));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  socket.end(head + body, () => socket.destroy());
}
