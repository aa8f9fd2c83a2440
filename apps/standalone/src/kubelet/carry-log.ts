import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { apiError, badRequest, internalError, serverResponse } from '../rest/api-error.ts';
import { dialErrorText } from './dial-error.ts';
import { answerOf, type Exchange } from './exchange.ts';
import type { Backend } from './forward.ts';
import type { NodeTransport } from './transport.ts';

/** Bytes of a refusal that are read. */
const REFUSAL_LIMIT = 50_000;

/** Streams a container's log. What the node says instead of a log becomes a Status about the pod. */
export async function carryLog(
  transport: NodeTransport,
  backend: Backend,
  pod: string,
  exchange: Exchange,
): Promise<void> {
  const { host, port, path } = backend;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const outgoing = transport.request(backend, { method: 'GET', headers: ['Host', authority] });
  outgoing.end();
  const answer = await answerOf(outgoing, exchange).catch((error: unknown) => {
    throw apiError({
      code: 500,
      message: `Get "https://${authority}${path}": ${dialErrorText(error, backend)}`,
    });
  });
  const { response: log } = answer;
  if (answer.kind === 'upgraded') {
    answer.socket.destroy();
    throw apiError({ code: 500, message: 'the node upgraded a request for a log' });
  }
  const status = log.statusCode ?? 0;
  if (status < 200 || status > 206) throw refusalOf(status, await readRefusal(log), pod);
  const { response } = exchange;
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache, private' });
  response.flushHeaders();
  // Fails when either side goes; the other one is then cut off with it.
  await pipeline(log, response).catch(() => undefined);
}

async function readRefusal(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, REFUSAL_LIMIT - size));
      size += chunk.length;
      if (size >= REFUSAL_LIMIT) break;
    }
  } catch (error) {
    throw internalError(error instanceof Error ? error.message : String(error));
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refusalOf(status: number, text: string, pod: string) {
  if (status >= 300 && status < 400) return apiError({ code: 500, message: 'redirects forbidden' });
  if (status === 500) return internalError(text);
  if (status === 400) return badRequest(text);
  return serverResponse(status, { group: '', plural: 'pods/log' }, pod, text);
}
