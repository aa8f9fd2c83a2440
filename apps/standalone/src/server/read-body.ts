import type { IncomingMessage } from 'node:http';
import { badRequest, tooLarge } from '../rest/api-error.ts';

/** The whole body, refused as soon as it is known to be longer than `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limit) throw tooLarge(limit);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (error) {
    if (size > limit) throw error;
    throw badRequest('the body of the request ended early');
  }
  return Buffer.concat(chunks);
}
