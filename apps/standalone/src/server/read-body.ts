import type { IncomingMessage } from 'node:http';
import type { KubeEdgeError } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { badRequest, requestTimeout, tooLarge } from '../rest/api-error.ts';

/** Time for a whole body. The HTTP server sets none, since bodies for nodes take as long as they take. */
const BODY_MS = 60_000;

/** The whole body, refused as soon as it is known to be longer than `limit` bytes, and when it takes too long. */
export function readBody(request: IncomingMessage, limit: number, clock: Clock): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const cancel = clock.after(BODY_MS, () => refuse(requestTimeout()));
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) refuse(tooLarge(limit));
      else chunks.push(chunk);
    };
    const refuse = (error: KubeEdgeError): void => {
      cancel();
      // The connection is left for the answer.
      request.off('data', take).pause();
      reject(error);
    };
    request.on('data', take);
    request.once('end', () => {
      cancel();
      resolve(Buffer.concat(chunks));
    });
    request.once('close', () => {
      if (!request.complete) refuse(badRequest('the body of the request ended early'));
    });
    request.on('error', () => undefined);
  });
}
