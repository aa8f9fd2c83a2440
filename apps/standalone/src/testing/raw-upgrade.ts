import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import type { ApiServer } from '../server/index.ts';

export interface UpgradeCall {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes that are sent with the head, before anybody agreed. */
  readonly ahead?: string;
}

export type Upgraded =
  | { readonly socket: Duplex; readonly answer: IncomingMessage; readonly head: Buffer }
  | { readonly socket: undefined; readonly answer: IncomingMessage; readonly text: string };

/** Asks a server under test to upgrade, as its administrator. */
export function upgrade(
  server: Pick<ApiServer, 'url' | 'caPem' | 'adminCertificate'>,
  { path, method = 'POST', headers, ahead }: UpgradeCall,
): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, server.url), {
      method,
      agent: false,
      ca: server.caPem,
      ...server.adminCertificate,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', ...headers },
    });
    sent.on('error', reject);
    sent.on('upgrade', (answer, socket, head) => {
      socket.on('error', () => undefined);
      resolve({ socket, answer, head });
    });
    sent.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ socket: undefined, answer, text }));
    });
    if (ahead === undefined) sent.end();
    else {
      sent.flushHeaders();
      sent.once('socket', (socket) => socket.once('secureConnect', () => socket.write(ahead)));
      sent.end();
    }
  });
}

/** Everything a stream says until it ends; fails when it is lost. */
export async function readToEnd(stream: Readable, before: Buffer = Buffer.alloc(0)): Promise<string> {
  const chunks = [before];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
