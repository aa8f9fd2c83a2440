import type { IncomingMessage } from 'node:http';

/** The whole body, or `too-large` as soon as that is known: by its declared length or by what has arrived. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<{ readonly kind: 'body'; readonly body: Buffer } | { readonly kind: 'too-large' }> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return { kind: 'too-large' };
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) {
        request.removeListener('data', onData);
        request.pause();
        resolve({ kind: 'too-large' });
        return;
      }
      chunks.push(chunk);
    };
    request.on('data', onData);
    request.once('end', () => resolve({ kind: 'body', body: Buffer.concat(chunks) }));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the client went away')));
  });
}
