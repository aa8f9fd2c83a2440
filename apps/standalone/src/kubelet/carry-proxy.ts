import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { errorText } from '@kubeedge-ts/errors';
import { apiError } from '../rest/api-error.ts';
import { clientAddress } from './client-address.ts';
import { dialErrorText } from './dial-error.ts';
import { answerOf, type Exchange } from './exchange.ts';
import type { Forward } from './forward.ts';
import { requestHeaders, responseHeaders, rewriteLocation } from './headers.ts';
import type { NodeTransport } from './transport.ts';

/** Carries a request to a node and its answer back, bodies as they come and no faster than they are taken. */
export async function carryProxy(
  transport: NodeTransport,
  { backend, prefix, uri }: Forward & { kind: 'proxy' },
  exchange: Exchange,
): Promise<void> {
  const { request, response } = exchange;
  const outgoing = transport.request(backend, {
    ...(request.method !== undefined && { method: request.method }),
    headers: requestHeaders(request.rawHeaders, { client: clientAddress(request), upgrade: false, uri }),
  });
  request.pipe(outgoing);
  // A client that breaks off its body must not leave the node waiting for the rest.
  request.once('aborted', () => outgoing.destroy(new Error('the client left')));
  const answer = await answerOf(outgoing, exchange).catch((error: unknown) => {
    throw unreachable(dialErrorText(error, backend));
  });
  if (answer.kind === 'upgraded') {
    answer.socket.destroy();
    throw unreachable('the node upgraded a request that did not ask for it');
  }
  const found = answer.response;
  const rewrite = {
    hosts: [`${backend.host}:${backend.port}`, request.headers.host ?? ''],
    prefix,
  };
  const headers = responseHeaders(found.rawHeaders, (location) => rewriteLocation(location, rewrite));
  try {
    response.writeHead(found.statusCode ?? 502, found.statusMessage ?? '', headers);
  } catch (error) {
    found.destroy();
    throw unreachable(`malformed answer: ${errorText(error)}`);
  }
  response.flushHeaders();
  await carryBody(found, response);
}

async function carryBody(from: IncomingMessage, to: ServerResponse): Promise<void> {
  from.pipe(to, { end: false });
  from.once('end', () => {
    if (from.rawTrailers.length > 0) to.addTrailers(trailersOf(from.rawTrailers));
    to.end();
  });
  // Cut off: whoever reads the answer must not take what came for the whole.
  from.once('close', () => from.complete || to.destroy());
  from.on('error', () => to.destroy());
  await finished(to).catch(() => from.destroy());
}

function trailersOf(raw: readonly string[]): [string, string][] {
  const trailers: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) trailers.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return trailers;
}

function unreachable(problem: string) {
  return apiError({
    code: 503,
    reason: 'ServiceUnavailable',
    message: `error trying to reach service: ${problem}`,
  });
}
