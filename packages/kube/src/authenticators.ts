import { readFile } from 'node:fs/promises';
import { errorText, kubeErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import type { Authenticator, Credentials } from './cluster-config.ts';

/** A file's text, read again when the last read is older than `maxAgeMs`. */
export interface FileValue {
  read(fresh?: boolean): Promise<string>;
}

export function createFileValue(path: string, maxAgeMs: number, clock: Pick<Clock, 'monotonic'>): FileValue {
  let last: { text: string; at: number } | undefined;
  return {
    async read(fresh = false) {
      if (!fresh && last !== undefined && clock.monotonic() - last.at < maxAgeMs) return last.text;
      last = { text: (await readFile(path, 'utf8')).trim(), at: clock.monotonic() };
      return last.text;
    },
  };
}

const TOKEN_MAX_AGE_MS = 10_000;
const CERTIFICATE_MAX_AGE_MS = 60_000;

/** Keeps the identity of credentials that did not change, so that a caller sees whether a renewal brought new ones. */
function createMemo(): (next: Credentials) => Credentials {
  let last: Credentials = {};
  return (next) => {
    const same =
      next.authorization === last.authorization && next.cert === last.cert && next.key === last.key;
    if (!same) last = next;
    return last;
  };
}

/** A bearer token from a file that someone else keeps fresh. */
export function tokenFileAuthenticator(
  path: string,
  user: string,
  clock: Pick<Clock, 'monotonic'>,
): Authenticator {
  const file = createFileValue(path, TOKEN_MAX_AGE_MS, clock);
  const memo = createMemo();
  return {
    async credentials(_signal, rejected) {
      const token = await readable(file, path, user, rejected !== undefined);
      return memo({ authorization: `Bearer ${token}` });
    },
  };
}

/** A client certificate from files that someone else rotates. */
export function certificateFileAuthenticator(
  paths: { readonly cert: string; readonly key: string },
  user: string,
  clock: Pick<Clock, 'monotonic'>,
): Authenticator {
  const cert = createFileValue(paths.cert, CERTIFICATE_MAX_AGE_MS, clock);
  const key = createFileValue(paths.key, CERTIFICATE_MAX_AGE_MS, clock);
  const memo = createMemo();
  return {
    async credentials(_signal, rejected) {
      const fresh = rejected !== undefined;
      return memo({
        cert: await readable(cert, paths.cert, user, fresh),
        key: await readable(key, paths.key, user, fresh),
      });
    },
  };
}

async function readable(file: FileValue, path: string, user: string, fresh: boolean): Promise<string> {
  try {
    const text = await file.read(fresh);
    if (text !== '') return text;
  } catch (cause) {
    throw kubeErrors.create('KUBE_CREDENTIALS', { user, problem: errorText(cause) }, cause);
  }
  throw kubeErrors.create('KUBE_CREDENTIALS', { user, problem: `${path} is empty` });
}
