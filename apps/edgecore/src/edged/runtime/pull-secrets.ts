import { isRecord, type Pod, parseJson } from '@kubeedge-ts/apis';
import type { AuthConfig, Init } from '@kubeedge-ts/cri';
import { canonicalImage } from '../pod/image-match.ts';
import type { ReadReferenced } from './referenced.ts';

interface Entry {
  /** Host and optional path, either with `*` for one name part. */
  readonly location: string;
  readonly auth: Init<AuthConfig>;
}

export interface Credentials {
  /** Those that fit the image, the most specific first. */
  readonly fitting: readonly Init<AuthConfig>[];
  /** Secrets that are not there, or cannot be had now. */
  readonly missing: readonly string[];
}

/** Credentials of the pod's pull secrets (spec/edged.md §6). A secret that is missing is as good as none. */
export async function credentialsFor(image: string, pod: Pod, read: ReadReferenced): Promise<Credentials> {
  const entries: Entry[] = [];
  const missing: string[] = [];
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    // The API server lets nameless entries pass.
    if (!name) continue;
    const data = await read('secret', name).catch(() => undefined);
    if (data === undefined) missing.push(name);
    const modern = data?.get('.dockerconfigjson');
    const legacy = data?.get('.dockercfg');
    if (modern !== undefined) entries.push(...entriesOf(modern, true));
    if (legacy !== undefined) entries.push(...entriesOf(legacy, false));
  }
  const target = canonicalImage(image);
  const fitting = entries
    .filter(({ location }) => matches(location, target))
    .sort((a, b) => b.location.length - a.location.length)
    .map(({ auth }) => auth);
  return { fitting, missing };
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
