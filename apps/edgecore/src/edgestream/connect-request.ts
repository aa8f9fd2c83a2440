import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type Duplex, duplexPair, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { ConnectType, KubeletRequest } from '@kubeedge-ts/tunnel';
import type { KubeletApi } from '../edged/server/index.ts';

type Kubelet = Pick<KubeletApi, 'serve'>;

/** What upstream's edge says in place of the host it was asked for (spec/cloudstream-edgestream.md §3.3). */
const HOST = '127.0.0.1:10350';

/** Answers one request of an upstream cloud, in its way (spec/cloudstream-edgestream.md §3.1 to §3.3). */
export function answerConnect(
  kubelet: Kubelet,
  type: ConnectType,
  request: KubeletRequest,
  stream: Duplex,
  log: Logger,
): void {
  if (type === 'exec' || type === 'attach') {
    // the bytes of a connection from here on, the answer's head included: nothing of it is looked at
    stream.unshift(requestHead(request));
    kubelet.serve(stream);
    return;
  }
  void sendBody(kubelet, type, request, stream).catch((error: unknown) => {
    log.debug({ path: request.path, err: errorText(error) }, 'answer to an upstream cloud broke off');
    stream.destroy();
  });
}

/** Neither names a body: the bytes that follow belong to the protocol that is upgraded to. */
const FRAMING = new Set(['host', 'content-length', 'transfer-encoding']);

/** Names and values have been checked where the request was decoded: none can end a line. */
function requestHead({ method, path, headers }: KubeletRequest): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${HOST}`];
  for (const [name, values] of Object.entries(headers)) {
    if (!FRAMING.has(name.toLowerCase())) for (const value of values) lines.push(`${name}: ${value}`);
  }
  if (method !== 'GET') lines.push('Content-Length: 0');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** The bare body goes out, that of an error too: the status was sent before anybody was asked. */
async function sendBody(
  kubelet: Kubelet,
  type: ConnectType,
  { path, headers }: KubeletRequest,
  stream: Duplex,
): Promise<void> {
  const [near, far] = duplexPair();
  // an asker that has gone is gone for the kubelet too
  stream.once('close', () => {
    near.destroy();
    far.destroy();
  });
  // it closes when it has been read to its end, though the cloud has nothing more to say
  stream.resume();
  far.on('error', () => undefined);
  kubelet.serve(far);
  const response = await responseTo(near, path, headers);
  if (type === 'metrics') await pipeline(response, endingInNewline(), stream);
  else await pipeline(response, stream);
}

function responseTo(
  connection: Duplex,
  path: string,
  headers: KubeletRequest['headers'],
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const kept = Object.entries(headers).filter(([name]) => !NOT_ASKED.has(name.toLowerCase()));
  const asking = httpRequest({
    path,
    headers: {
      ...Object.fromEntries(kept.map(([name, values]) => [name, [...values]])),
      Host: HOST,
      'Accept-Encoding': 'identity',
      Connection: 'close',
    },
    createConnection: () => connection,
  });
  asking.on('response', resolve);
  asking.on('error', reject);
  asking.end();
  return promise;
}

/** This hop decides for itself. */
const NOT_ASKED = new Set([...FRAMING, 'accept-encoding', 'connection', 'upgrade', 'expect', 'te']);

/** Upstream reads metrics by lines and writes each with its end. */
function endingInNewline(): Transform {
  const NEWLINE = 0x0a;
  let last = NEWLINE;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      last = chunk.at(-1) ?? last;
      done(null, chunk);
    },
    flush(done) {
      done(null, last === NEWLINE ? undefined : '\n');
    },
  });
}
