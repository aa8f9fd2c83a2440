import { Agent, request } from 'node:https';
import { parse } from 'yaml';
import type { ApiServer } from '../server/index.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface RawCall {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Without the administrator's certificate. */
  readonly anonymous?: boolean;
  /** Ends the call when this says so of the text received so far (and its newest part), or after `closeAfterMs`. */
  readonly enough?: (text: string, chunk: string) => boolean;
  readonly closeAfterMs?: number;
}

/** Plain HTTPS requests to a server under test, as its administrator. */
export interface RawClient {
  send(call: RawCall): Promise<RawAnswer>;
  /** Sends and returns the parsed JSON body; fails on a status of 400 and more. */
  json(method: string, path: string, body?: unknown, contentType?: string): Promise<Record<string, unknown>>;
  close(): void;
}

export function createRawClient(server: Pick<ApiServer, 'url' | 'caPem' | 'adminKubeconfig'>): RawClient {
  const config = parse(server.adminKubeconfig) as {
    users: { user: Record<'client-certificate-data' | 'client-key-data', string> }[];
  };
  const user = config.users[0]!.user;
  const decode = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');
  const admin = new Agent({
    keepAlive: true,
    ca: server.caPem,
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  });
  const nobody = new Agent({ ca: server.caPem });

  const send = (call: RawCall): Promise<RawAnswer> =>
    new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const sent = request(
        {
          host: new URL(server.url).hostname,
          port: new URL(server.url).port,
          path: call.path,
          method: call.method,
          agent: call.anonymous ? nobody : admin,
          headers: {
            ...(call.body !== undefined && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(call.body),
            }),
            ...call.headers,
          },
        },
        (response) => {
          let text = '';
          const finish = (): void => {
            clearTimeout(timer);
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          };
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
            if (call.enough?.(text, chunk)) {
              finish();
              sent.destroy();
            }
          });
          response.on('end', finish);
          response.on('error', finish);
          if (call.closeAfterMs !== undefined) {
            timer = setTimeout(() => {
              finish();
              sent.destroy();
            }, call.closeAfterMs);
          }
        },
      );
      sent.on('error', reject);
      sent.end(call.body);
    });

  return {
    send,
    async json(method, path, body, contentType = 'application/json') {
      const answer = await send({
        method,
        path,
        ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': contentType } }),
      });
      if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return JSON.parse(answer.text) as Record<string, unknown>;
    },
    close() {
      admin.destroy();
      nobody.destroy();
    },
  };
}
