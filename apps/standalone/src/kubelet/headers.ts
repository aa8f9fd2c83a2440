/** Headers between two neighbours only, which a proxy does not carry on (RFC 9110, 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // This server has said "continue" itself before it looked at the request.
  'expect',
];

/** Who the client is has been established here: a node must never see what proves it. */
const CREDENTIALS = /^(authorization|impersonate-.*|x-remote-(user|group|uid|extra-.*))$/;

/** Decided by the server that is called, not by the one behind it. */
const CORS = /^access-control-allow-(credentials|headers|methods|origin)$/;

type Flat = readonly string[];

function* pairs(raw: Flat): Generator<[name: string, value: string]> {
  for (let at = 0; at + 1 < raw.length; at += 2) yield [raw[at] ?? '', raw[at + 1] ?? ''];
}

/** Every header a Connection header names is between neighbours too. */
function namedByConnection(raw: Flat): Set<string> {
  const names = new Set<string>();
  for (const [name, value] of pairs(raw)) {
    if (name.toLowerCase() !== 'connection') continue;
    for (const token of value.split(',')) names.add(token.trim().toLowerCase());
  }
  return names;
}

function headerOf(raw: Flat, wanted: string): string | undefined {
  for (const [name, value] of pairs(raw)) if (name.toLowerCase() === wanted) return value;
  return undefined;
}

export interface RequestHeadersOptions {
  /** Address of the client; added to X-Forwarded-For. */
  readonly client: string;
  /** Carries `Upgrade` on. */
  readonly upgrade: boolean;
  /**
   * X-Forwarded-Uri: the path the client asked for. An API server says it of plain requests to a node's proxy only; a
   * client's own word is never handed on.
   */
  readonly uri?: string;
}

/** The headers of a request as they go on to a node: name, value, name, value … */
export function requestHeaders(raw: Flat, { client, upgrade, uri }: RequestHeadersOptions): string[] {
  const dropped = new Set([...HOP_BY_HOP, ...namedByConnection(raw), 'x-forwarded-for', 'x-forwarded-uri']);
  const headers: string[] = [];
  for (const [name, value] of pairs(raw)) {
    const lower = name.toLowerCase();
    if (!dropped.has(lower) && !CREDENTIALS.test(lower)) headers.push(name, value);
  }
  const before = [...pairs(raw)].filter(([name]) => name.toLowerCase() === 'x-forwarded-for');
  headers.push('X-Forwarded-For', [...before.map(([, value]) => value), client].join(', '));
  if (uri !== undefined) headers.push('X-Forwarded-Uri', uri);
  const protocol = headerOf(raw, 'upgrade');
  if (upgrade && protocol !== undefined) headers.push('Connection', 'Upgrade', 'Upgrade', protocol);
  // A body of unknown length keeps being one; Node would guess "none" from the method.
  if (/\bchunked\b/i.test(headerOf(raw, 'transfer-encoding') ?? ''))
    headers.push('Transfer-Encoding', 'chunked');
  if (/\btrailers\b/i.test(headerOf(raw, 'te') ?? '')) headers.push('TE', 'trailers');
  return headers;
}

/** The headers of a node's answer as they go back to the client. */
export function responseHeaders(raw: Flat, rewriteLocation: (location: string) => string): string[] {
  const dropped = new Set([...HOP_BY_HOP, ...namedByConnection(raw)]);
  const headers: string[] = [];
  for (const [name, value] of pairs(raw)) {
    const lower = name.toLowerCase();
    if (lower === 'trailer') headers.push(name, value);
    if (dropped.has(lower) || CORS.test(lower)) continue;
    headers.push(name, lower === 'location' ? rewriteLocation(value) : value);
  }
  return headers;
}

export interface LocationRewrite {
  /** Hosts that mean the node: its own and the one the client asked. */
  readonly hosts: readonly string[];
  /** What belongs before an absolute path of the node. */
  readonly prefix: string;
}

/** A redirect of a node within itself, so that following it comes through this server again. */
export function rewriteLocation(location: string, { hosts, prefix }: LocationRewrite): string {
  const match = /^(?:https?:)?\/\/([^/?#]*)(.*)$/i.exec(location);
  if (match !== null && !hosts.includes(match[1] ?? '')) return location;
  const path = match === null ? location : match[2] || '/';
  if (!path.startsWith('/')) return location;
  return path.startsWith(`${prefix}/`) ? path : prefix + path;
}
