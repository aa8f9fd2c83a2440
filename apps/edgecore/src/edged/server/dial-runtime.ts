import { type ClientRequestArgs, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { refusal } from './refusal.ts';

/** A connection that the runtime's streaming server has upgraded. */
export interface RuntimeStream {
  readonly socket: Socket;
  /** Its answer, head and empty line included, to be handed to the client. */
  readonly answer: string;
  /** What came behind the answer already. */
  readonly head: Buffer;
}

/** Of the client's headers: meant for this hop, or for us and not for the runtime. */
const NOT_FORWARDED = new Set([
  'host',
  'authorization',
  'cookie',
  'content-length',
  'transfer-encoding',
  'proxy-authorization',
  'proxy-connection',
]);
/** Said in so many words: else a POST would get a chunked body, whose end the runtime takes for the stream's beginning. */
const NO_BODY = ['Content-Length', '0'];
const MAX_REFUSAL_BYTES = 16_384;

/**
 * Asks the streaming server for an upgrade, with the client's own headers. `offer` replaces the client's WebSocket
 * protocols. @throws KubeEdgeError EDGED_REQUEST with the server's own status, or 502
 */
export function dialRuntime(
  target: URL,
  client: Pick<IncomingMessage, 'method' | 'rawHeaders'>,
  offer: string | undefined,
  signal: AbortSignal,
): Promise<RuntimeStream> {
  const { promise, resolve, reject } = Promise.withResolvers<RuntimeStream>();
  const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80));
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  const options: ClientRequestArgs = {
    method: client.method,
    host,
    port,
    path: `${target.pathname}${target.search}`,
    headers: [...forwardedHeaders(client.rawHeaders, target.host, offer), ...NO_BODY],
    signal,
  };
  const request =
    target.protocol === 'https:'
      ? httpsRequest({ ...options, agent: false })
      : // half-closed connections stay open the other way; an agent would connect in its own way
        httpRequest({ ...options, createConnection: () => connect({ host, port, allowHalfOpen: true }) });
  request.on('upgrade', (response, socket: Duplex, head) => {
    resolve({ socket: socket as Socket, answer: answerText(response), head });
  });
  request.on('response', (response) => {
    readRefusal(response).then((text) => {
      const status = response.statusCode ?? 502;
      const problem = text === '' ? `the container runtime answered ${status}` : text;
      reject(refusal(status < 400 ? 502 : status, problem));
      request.destroy();
    }, reject);
  });
  request.on('error', (error) => {
    reject(signal.aborted ? signal.reason : refusal(502, `the container runtime's stream: ${error.message}`));
  });
  request.end();
  return promise;
}

function forwardedHeaders(raw: readonly string[], host: string, offer: string | undefined): string[] {
  const headers = ['Host', host];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    const lower = name.toLowerCase();
    if (NOT_FORWARDED.has(lower) || (lower === 'sec-websocket-protocol' && offer !== undefined)) continue;
    headers.push(name, raw[at + 1] as string);
  }
  if (offer !== undefined) headers.push('Sec-WebSocket-Protocol', offer);
  return headers;
}

function answerText({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function readRefusal(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const part of response) {
    text += part;
    if (text.length > MAX_REFUSAL_BYTES) break;
  }
  return text.slice(0, MAX_REFUSAL_BYTES).trim();
}
