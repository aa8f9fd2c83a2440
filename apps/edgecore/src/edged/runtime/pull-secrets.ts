import { isRecord, type Pod, parseJson } from '@kubeedge-ts/apis';
import type { AuthConfig, Init } from '@kubeedge-ts/cri';
import { canonicalImage } from '../pod/image-match.ts';
import type { ReadReferenced } from './referenced.ts';

interface Entry {
  /** Host and optional path, either with `*` for one name part. */
  readonly location: string;
  readonly auth: Init<AuthConfig>;
}

/** Credentials of the pod's pull secrets that fit the image, the most specific first (spec/edged.md §6). */
export async function credentialsFor(
  image: string,
  pod: Pod,
  read: ReadReferenced,
): Promise<Init<AuthConfig>[]> {
  const entries: Entry[] = [];
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    // A secret that is missing or cannot be had now is as good as none (spec/edged.md §6, "Missing pull secret").
    const data = name === undefined ? undefined : await read('secret', name).catch(() => undefined);
    const modern = data?.get('.dockerconfigjson');
    const legacy = data?.get('.dockercfg');
    if (modern !== undefined) entries.push(...entriesOf(modern, true));
    if (legacy !== undefined) entries.push(...entriesOf(legacy, false));
  }
  const target = canonicalImage(image);
  return entries
    .filter(({ location }) => matches(location, target))
    .sort((a, b) => b.location.length - a.location.length)
    .map(({ auth }) => auth);
}

/** A secret that cannot be read is as good as none: the pull goes on and its error tells. */
function entriesOf(bytes: Buffer, wrapped: boolean): Entry[] {
  let config: unknown;
  try {
    config = parseJson(bytes.toString('utf8'));
  } catch {
    return [];
  }
  const auths = wrapped && isRecord(config) ? config['auths'] : config;
  if (!isRecord(auths)) return [];
  return Object.entries(auths).flatMap(([location, value]) => {
    if (!isRecord(value)) return [];
    return [{ location: normalise(location), auth: authOf(value) }];
  });
}

function authOf(value: Record<string, unknown>): Init<AuthConfig> {
  const text = (key: string): string => (typeof value[key] === 'string' ? value[key] : '');
  const decoded = Buffer.from(text('auth'), 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return {
    username: text('username') || (colon === -1 ? '' : decoded.slice(0, colon)),
    password: text('password') || (colon === -1 ? '' : decoded.slice(colon + 1).replace(/\0+$/, '')),
    identityToken: text('identitytoken'),
    registryToken: text('registrytoken'),
  };
}

function normalise(location: string): string {
  return location
    .replace(/^https?:\/\//, '')
    .replace(/\/(v1|v2)?\/?$/, '')
    .replace(/^index\.docker\.io/, 'docker.io');
}

function matches(location: string, image: string): boolean {
  const [host = '', ...path] = location.split('/');
  const [imageHost = '', ...imagePath] = image.split('/');
  const parts = host.split('.');
  const imageParts = imageHost.split('.');
  if (parts.length !== imageParts.length) return false;
  if (!parts.every((part, index) => glob(part, imageParts[index] ?? ''))) return false;
  return path.length === 0 || imagePath.join('/').startsWith(path.join('/'));
}

function glob(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const middle of rest) {
    const found = text.indexOf(middle, at);
    if (found === -1 || found + middle.length > text.length - last.length) return false;
    at = found + middle.length;
  }
  return true;
}
