import { tunnelErrors } from '@kubeedge-ts/errors';
import type { ConnectType, KubeletRequest } from '../types.ts';
import { FRAME } from './frame.ts';
import { goUrlOf, targetOfGoUrl } from './go-url.ts';

/** Where upstream's edges find their kubelet; ours do not look at it. */
const KUBELET_HOST = '127.0.0.1:10350';

/** Largest body sent or taken, bytes. */
export const MAX_CONNECT_BODY_BYTES = 65_536;

const TYPES: readonly (readonly [ConnectType, number])[] = [
  ['logs', FRAME.logsConnect],
  ['exec', FRAME.execConnect],
  ['metrics', FRAME.metricConnect],
  ['attach', FRAME.attachConnect],
];

export function frameTypeOf(type: ConnectType): number {
  return TYPES.find(([name]) => name === type)?.[1] ?? FRAME.logsConnect;
}

/** Undefined for a frame that opens nothing. */
export function connectTypeOf(frameType: number): ConnectType | undefined {
  return TYPES.find(([, number]) => number === frameType)?.[0];
}

/** The body of a connect frame (spec/cloudstream-edgestream.md §2.3). @throws KubeEdgeError TUNNEL_REQUEST_INVALID */
export function encodeConnectBody(connectId: number, type: ConnectType, request: KubeletRequest): Buffer {
  const { method, path, headers } = request;
  const problem = problemOf(request);
  if (problem !== undefined) throw unfit(problem);
  const carriesMethod = type === 'exec' || type === 'attach';
  if (!carriesMethod && method !== 'GET') throw unfit(`${type} knows no method ${method}`);
  const url = goUrlOf(KUBELET_HOST, path);
  if (url === undefined) throw unfit('its path is no valid encoding of text');
  const body = Buffer.from(
    JSON.stringify({ MessID: connectId, url, header: headers, ...(carriesMethod ? { method } : {}) }),
  );
  if (body.length > MAX_CONNECT_BODY_BYTES)
    throw unfit(`path and headers are ${body.length} bytes, the limit is ${MAX_CONNECT_BODY_BYTES}`);
  return body;
}

/** @throws KubeEdgeError TUNNEL_REQUEST_INVALID */
export function decodeConnectBody(data: Buffer): KubeletRequest {
  if (data.length > MAX_CONNECT_BODY_BYTES)
    throw unfit(`its body is ${data.length} bytes, the limit is ${MAX_CONNECT_BODY_BYTES}`);
  const body = parse(data);
  const { url, header, method = 'GET' } = record(body, 'the body');
  const { Path, RawPath = '', RawQuery = '', ForceQuery = false } = record(url, 'url');
  const request = {
    method: text(method, 'method'),
    path: targetOfGoUrl({
      Path: text(Path, 'url.Path'),
      RawPath: text(RawPath, 'url.RawPath'),
      RawQuery: text(RawQuery, 'url.RawQuery'),
      ForceQuery: ForceQuery === true,
    }),
    headers: headersOf(header ?? {}),
  };
  const problem = problemOf(request);
  if (problem !== undefined) throw unfit(problem);
  return request;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What may stand between the blanks of a request line. */
const TARGET = /^\/[\x21-\x7e]*$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whatever comes through here is written into the head of an HTTP request: nothing in it may end a line. */
function problemOf({ method, path, headers }: KubeletRequest): string | undefined {
  if (!TOKEN.test(method)) return 'its method is no token';
  if (!TARGET.test(path)) return 'its path is no request target';
  for (const [name, values] of Object.entries(headers)) {
    if (!TOKEN.test(name)) return 'the name of a header is no token';
    if (!values.every((value) => FIELD_VALUE.test(value)))
      return `header ${name} has a character it may not have`;
  }
  return undefined;
}

function headersOf(value: unknown): Record<string, readonly string[]> {
  const entries = Object.entries(record(value, 'header')).map(([name, values]) => {
    if (!Array.isArray(values)) throw unfit(`header ${JSON.stringify(name)} is no list`);
    return [name, values.map((entry) => text(entry, `header ${JSON.stringify(name)}`))] as const;
  });
  return Object.fromEntries(entries);
}

function parse(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch (cause) {
    throw unfit('its body is no JSON', cause);
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unfit(`${what} is no object`);
  // without a prototype: what is not in it is undefined
  return Object.assign(Object.create(null), value);
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw unfit(`${what} is no text`);
  return value;
}

function unfit(problem: string, cause?: unknown) {
  return tunnelErrors.create('TUNNEL_REQUEST_INVALID', { problem }, cause);
}
