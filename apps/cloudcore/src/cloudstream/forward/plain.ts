import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorText } from '@kubeedge-ts/errors';
import { refusal } from '../refusal.ts';
import { endToEndHeaders, requestHeaders } from './headers.ts';

/** One request over one stream to the node's kubelet. */
export interface Exchange {
  readonly node: string;
  /** Path and query. */
  readonly target: string;
  readonly request: IncomingMessage;
}

/**
 * Carries a request to the node and its answer back, both as streams: neither side gets ahead of the other, and when one
 * goes the other is told. Resolves when it is over. @throws KubeEdgeError CLOUDCORE_KUBELET_REQUEST 502 before the answer has begun
 */
export async function forwardPlain(
  stream: Duplex,
  { node, target, request }: Exchange,
  response: ServerResponse,
): Promise<void> {
  const outgoing = httpRequest({
    method: request.method,
    path: target,
    headers: requestHeaders(request),
    createConnection: () => stream,
  });
  const leave = (): void => {
    outgoing.destroy();
    stream.destroy();
  };
  response.once('close', leave);
  try {
    const answer = await answerTo(outgoing, request);
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEndHeaders(answer));
    // a log that is followed may have nothing to say for hours
    response.flushHeaders();
    answer.once('end', () => {
      if (Object.keys(answer.trailers).length > 0)
        response.addTrailers(answer.trailers as Record<string, string>);
    });
    await pipeline(answer, response);
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy();
    else
      throw refusal(502, `the tunnel of node ${node} ended before its kubelet answered: ${errorText(error)}`);
  } finally {
    response.off('close', leave);
    leave();
  }
}

function answerTo(
  outgoing: ReturnType<typeof httpRequest>,
  request: IncomingMessage,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  outgoing.once('response', resolve);
  outgoing.on('error', reject);
  outgoing.once('close', () => reject(new Error('the connection was closed')));
  // nobody offered another protocol
  outgoing.once('upgrade', (_answer, socket) => {
    socket.destroy();
    reject(new Error('it changed the protocol unasked'));
  });
  request.on('error', () => undefined);
  request.pipe(outgoing);
  return promise;
}
