import type { IncomingMessage } from 'node:http';

/** Of this hop only. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Meant for cloudcore, which has checked them: a credential of the cluster is nothing for a node. */
const CREDENTIALS = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** Name, value, name, value … as they came, without those of this hop. */
export function endToEndHeaders({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): string[] {
  const named = new Set(
    pairs(rawHeaders)
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(','))
      .map((token) => token.trim().toLowerCase()),
  );
  return pairs(rawHeaders)
    .filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
    .flat();
}

/** The request's headers for the node. */
export function requestHeaders(request: Pick<IncomingMessage, 'rawHeaders' | 'headers'>): string[] {
  const headers = withoutCredentials(endToEndHeaders(request));
  if (request.headers.host === undefined) headers.push('Host', 'kubelet');
  // Said in so many words, or the node would take what follows a body it was not told of for a request of its own.
  const { 'transfer-encoding': encoding, 'content-length': length } = request.headers;
  if (encoding !== undefined) return [...without(headers, 'content-length'), 'Transfer-Encoding', 'chunked'];
  return length === undefined ? [...headers, 'Content-Length', '0'] : headers;
}

/** The same for a request that asks for another protocol: `Connection` and `Upgrade` are its point. It has no body. */
export function upgradeHeaders({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): string[] {
  const kept = without(withoutCredentials(rawHeaders), 'content-length', 'transfer-encoding', 'keep-alive');
  return [...kept, 'Content-Length', '0'];
}

/** As upstream's frames carry them: canonical names, each with its values in order; `overrides` replace. */
export function headerLists(
  { rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>,
  overrides: Readonly<Record<string, string>> = {},
): Readonly<Record<string, readonly string[]>> {
  const lists = new Map<string, string[]>();
  for (const [name, value] of pairs(withoutCredentials(rawHeaders))) {
    const canonical = canonicalName(name);
    lists.set(canonical, [...(lists.get(canonical) ?? []), value]);
  }
  for (const [name, value] of Object.entries(overrides)) lists.set(name, [value]);
  return Object.fromEntries(lists);
}

/** `x-stream-protocol-version` → `X-Stream-Protocol-Version`, as Go writes it. */
function canonicalName(name: string): string {
  return name
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1).toLowerCase())
    .join('-');
}

function withoutCredentials(raw: readonly string[]): string[] {
  return without(raw, ...CREDENTIALS);
}

function without(raw: readonly string[], ...names: readonly string[]): string[] {
  return pairs(raw)
    .filter(([name]) => !names.includes(name.toLowerCase()))
    .flat();
}

function pairs(raw: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) result.push([raw[at] as string, raw[at + 1] as string]);
  return result;
}
