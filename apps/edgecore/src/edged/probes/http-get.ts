import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { goQuoted, hostPort, networkProblem } from './go-text.ts';
import type { HttpTarget } from './http-target.ts';
import { userAgentFor } from './user-agent.ts';

/** What a request came to. */
export type HttpAnswer =
  | { readonly is: 'answer'; readonly status: number; readonly body: string }
  /** No answer; `plain`: a server that speaks no TLS was asked with it. */
  | { readonly is: 'none'; readonly problem: string; readonly plain?: true }
  /** The answer's body broke off. */
  | { readonly is: 'broken'; readonly problem: string };

export interface HttpGetOptions {
  /** `probe` or `lifecycle`: part of the User-Agent. */
  readonly purpose: 'probe' | 'lifecycle';
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/** More of a body is not read (spec/edged.md §8). */
export const MAX_BODY_BYTES = 10 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_REDIRECTS = 10;

/**
 * A GET as the kubelet makes it: a connection of its own, no proxy, redirects followed on the same host only. `host`
 * stands in for an empty one of the target. Never rejects.
 */
export async function httpGet(
  target: HttpTarget,
  host: string,
  options: HttpGetOptions,
): Promise<HttpAnswer> {
  let url: HttpTarget = { ...target, host: target.host === '' ? host : target.host };
  for (let redirects = 0; ; redirects++) {
    const answer = await request(url, options);
    if (!('response' in answer)) return answer;
    const next = redirectOf(answer.response, url);
    if (next === undefined) return readBody(answer.response, options.signal);
    answer.response.destroy();
    if (redirects + 1 >= MAX_REDIRECTS) {
      return { is: 'none', problem: `Get ${goQuoted(next.path)}: stopped after 10 redirects` };
    }
    url = next;
  }
}

function request(
  target: HttpTarget,
  { signal, ...options }: HttpGetOptions,
): Promise<HttpAnswer | { readonly response: IncomingMessage }> {
  const { secure, host, port, path } = target;
  const what = `Get ${goQuoted(`${secure ? 'https' : 'http'}://${hostPort(host, port)}${path}`)}`;
  return new Promise((resolve) => {
    const fail = (error: unknown): void => {
      if (signal.aborted) {
        const problem = `${what}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
        resolve({ is: 'none', problem });
      } else if (secure && isPlainAnswer(error)) {
        const problem = `${what}: http: server gave HTTP response to HTTPS client`;
        resolve({ is: 'none', problem, plain: true });
      } else {
        resolve({ is: 'none', problem: `${what}: ${brokenBy(error, host, port)}` });
      }
    };
    let sent: ClientRequest;
    try {
      sent = requestHttp({
        path,
        headers: headersOf(target, options),
        // One of its own, and no agent to keep it.
        createConnection: () => open(target),
        // Small servers write sloppy headers; the kubelet's client reads them, and only the status matters here.
        insecureHTTPParser: true,
        maxHeaderSize: MAX_HEADER_BYTES,
      });
    } catch (error) {
      // Node refuses names and values that are no headers.
      resolve({ is: 'none', problem: `${what}: ${(error as Error).message}` });
      return;
    }
    const onAbort = (): void => void sent.destroy(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    sent.on('close', () => signal.removeEventListener('abort', onAbort));
    sent.on('error', fail);
    sent.on('response', (response) => resolve({ response }));
    // A server may switch protocols when a header of the spec asks it to; that is an answer too.
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ is: 'answer', status: response.statusCode ?? 0, body: '' });
    });
    if (signal.aborted) onAbort();
    else sent.end();
  });
}

function open({ secure, host, port }: HttpTarget): Socket {
  if (!secure) return connect({ host, port });
  // A probe asks whether a server answers, not who it is: containers serve certificates that nobody vouches for, and the
  // kubelet does not verify them either. The one place of the project where TLS is not verified; nothing secret is sent
  // but what the pod's own spec says (docs/adr/033-probes-do-not-verify-tls.md).
  return connectTls({ host, port, rejectUnauthorized: false, servername: isIP(host) === 0 ? host : '' });
}

/** The spec's headers; what it leaves out is the kubelet's, what it empties is not sent. */
function headersOf(
  { headers, host, port }: HttpTarget,
  { purpose }: Omit<HttpGetOptions, 'signal'>,
): Record<string, string | string[]> {
  const all = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    const known = all.get(key);
    if (known === undefined) all.set(key, { name, values: [value] });
    else known.values.push(value);
  }
  const otherwise = (name: string, value: string): void => {
    const key = name.toLowerCase();
    const known = all.get(key);
    if (known === undefined) all.set(key, { name, values: [value] });
    else if (known.values[0] === '') all.delete(key);
  };
  otherwise('User-Agent', userAgentFor(purpose));
  otherwise('Accept', '*/*');
  if (all.get('host')?.values[0] === '') all.delete('host');
  otherwise('Host', hostPort(host, port));
  return Object.fromEntries(
    [...all].map(([key, { name, values }]) => [name, key === 'host' ? values[0]! : values]),
  );
}

/** Where the answer leads on the same host, if it leads anywhere. */
function redirectOf({ statusCode = 0, headers }: IncomingMessage, from: HttpTarget): HttpTarget | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode) || !headers.location) return undefined;
  const base = `${from.secure ? 'https' : 'http'}://${hostPort(from.host, from.port)}${from.path}`;
  const to = URL.parse(headers.location, base);
  if (to === null || to.hostname !== URL.parse(base)?.hostname) return undefined;
  if (to.protocol !== 'http:' && to.protocol !== 'https:') return undefined;
  const secure = to.protocol === 'https:';
  const relative = !/^([a-z][a-z\d+.-]*:)?\/\//i.test(headers.location);
  return {
    secure,
    host: to.hostname.replace(/^\[|\]$/g, ''),
    port: Number(to.port) || (secure ? 443 : 80),
    path: `${to.pathname}${to.search}`,
    // A name that the spec asked for belongs to the first address, unless the answer says only where on it.
    headers: relative ? from.headers : from.headers.filter(({ name }) => name.toLowerCase() !== 'host'),
  };
}

function readBody(response: IncomingMessage, signal: AbortSignal): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    const answer = (): void => {
      const body = Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString();
      resolve({ is: 'answer', status: response.statusCode ?? 0, body });
      response.destroy();
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_BODY_BYTES) answer();
    });
    response.on('end', answer);
    response.on('error', (error) => {
      const problem = signal.aborted
        ? 'context deadline exceeded (Client.Timeout or context cancellation while reading body)'
        : `unexpected EOF (${error.message})`;
      resolve({ is: 'broken', problem });
    });
  });
}

function brokenBy(error: unknown, host: string, port: number): string {
  const tls = tlsReason(error);
  if (tls !== undefined) return `tls: ${tls}`;
  const { code, message } = error as NodeJS.ErrnoException;
  if (message === 'socket hang up') return 'EOF';
  // What the server said is no HTTP; Node's text quotes no bytes of it.
  if (code?.startsWith('HPE_') === true) return `malformed HTTP response (${message})`;
  return networkProblem(error, host, port);
}

/** OpenSSL met something that is no TLS record. */
function isPlainAnswer(error: unknown): boolean {
  return /wrong version number|http request|packet length too long/.test(tlsReason(error) ?? '');
}

/** OpenSSL's own words without the addresses around them, which would make every text another. */
function tlsReason(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'EPROTO' && code?.startsWith('ERR_SSL_') !== true) return undefined;
  return /error:[\dA-F]+:[^:]*:[^:]*:([^:]+)/.exec(message)?.[1] ?? code;
}
