import type { IncomingMessage } from 'node:http';
import { errorText, type KubeEdgeError, tunnelErrors } from '@kubeedge-ts/errors';

const MAX_REFUSAL_BYTES = 4_096;

/** What a listener said instead of opening a tunnel. */
export async function readRefusal(response: IncomingMessage, url: string): Promise<KubeEdgeError> {
  let text = '';
  try {
    response.setEncoding('utf8');
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_REFUSAL_BYTES) break;
    }
  } catch (error) {
    text ||= errorText(error);
  }
  const status = response.statusCode ?? 0;
  const reason = text.trim().slice(0, MAX_REFUSAL_BYTES) || (response.statusMessage ?? '');
  return tunnelErrors.create('TUNNEL_REFUSED', { url, status, reason });
}
