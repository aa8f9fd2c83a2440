import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { errorText, type KubeEdgeError, pkiErrors } from '@kubeedge-ts/errors';

export interface HttpsAnswer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: IncomingMessage['headers'];
}

const MAX_ANSWER_BYTES = 65_536;
const TIMEOUT_MS = 30_000;

/**
 * GET, with a body if one is given: `/edge.crt` takes its request in the body of a GET (spec §8), which fetch refuses.
 * One connection per call, answer bounded, 30 s in all.
 * @throws KubeEdgeError PKI_UNREACHABLE, PKI_SERVER_UNTRUSTED, PKI_ANSWER_UNEXPECTED; the signal's reason
 */
export function httpsGet(
  url: URL,
  options: RequestOptions,
  body: Buffer | undefined,
  signal: AbortSignal | undefined,
): Promise<HttpsAnswer> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      ...options,
      method: 'GET',
      agent: false,
      minVersion: 'TLSv1.2',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      headers: { ...options.headers, ...(body === undefined ? {} : { 'content-length': body.length }) },
    });
    const fail = (error: unknown): void => {
      outgoing.destroy();
      if (signal?.aborted) reject(signal.reason);
      else reject(classify(url, deadline.aborted ? new Error(`no answer within ${TIMEOUT_MS} ms`) : error));
    };
    outgoing.on('error', fail);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('error', fail);
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > MAX_ANSWER_BYTES) {
          fail(
            pkiErrors.create('PKI_ANSWER_UNEXPECTED', {
              server: url.origin,
              what: url.pathname,
              problem: `more than ${MAX_ANSWER_BYTES} bytes`,
            }),
          );
        }
      });
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks), headers: incoming.headers }),
      );
    });
    outgoing.end(body);
  });
}

const TLS_FAILURE =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/;

function classify(url: URL, error: unknown): KubeEdgeError {
  if (isCatalogueError(error)) return error;
  const code = String((error as { code?: unknown }).code ?? '');
  const problem = errorText(error) || code;
  return TLS_FAILURE.test(code)
    ? pkiErrors.create('PKI_SERVER_UNTRUSTED', { server: url.origin, problem }, error)
    : pkiErrors.create('PKI_UNREACHABLE', { server: url.origin, problem }, error);
}

function isCatalogueError(error: unknown): error is KubeEdgeError {
  return error instanceof Error && error.name === 'KubeEdgeError';
}
