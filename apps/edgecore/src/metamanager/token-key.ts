import type { TokenRequest } from '@kubeedge-ts/apis';

/**
 * The key under which upstream keeps a service account token in `meta` (spec/metamanager-and-metaserver.md §2.2):
 * name, namespace, audiences, lifetime and bound object as Go prints them.
 */
export function tokenKey(namespace: string, serviceAccount: string, request: TokenRequest): string {
  const { audiences, expirationSeconds = 0, boundObjectRef = {} } = request.spec;
  // An absent list and `null` print alike; an empty one is a different key.
  const list = audiences == null ? '[]string(nil)' : `[]string{${audiences.map(goQuote).join(', ')}}`;
  const { kind = '', apiVersion = '', name = '', uid = '' } = boundObjectRef ?? {};
  const bound = `Kind:${goQuote(kind)}, APIVersion:${goQuote(apiVersion)}, Name:${goQuote(name)}, UID:${goQuote(uid)}`;
  return [
    goQuote(serviceAccount),
    goQuote(namespace),
    list,
    String(expirationSeconds ?? 0),
    `v1.BoundObjectReference{${bound}}`,
  ].join('/');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** A string as Go's `%q` prints it. */
export function goQuote(text: string): string {
  const quoted = text.replace(
    /["\\\p{Cc}]/gu,
    (char) => ESCAPES[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${quoted}"`;
}
