import { isRecord } from '@kubeedge-ts/apis';
import { badRequest } from './api-error.ts';

/** Where a paged list goes on: the revision of its first page and the key after the last item. */
export interface ContinueToken {
  readonly revision: number;
  /** `namespace/name` or `name`; pages start after it. */
  readonly after: string;
}

export function encodeContinue({ revision, after }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: `${after}\u0000` })).toString(
    'base64url',
  );
}

/** @throws BadRequest */
export function decodeContinue(token: string): ContinueToken {
  if (!/^[\w-]{1,4096}={0,2}$/.test(token)) throw unusable('illegal base64 data at input byte 0');
  const bytes = Buffer.from(token, 'base64url');
  const first = bytes[0] ?? 0;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    // Go names the first byte that cannot begin a value.
    const shown = first < 0x80 ? String.fromCharCode(first) : `\\u00${first.toString(16)}`;
    throw unusable(`invalid character '${shown}' looking for beginning of value`);
  }
  const { v, rv, start } = isRecord(value) ? value : {};
  if (v !== 'meta.k8s.io/v1') throw unusable('server does not recognize this encoded version');
  if (!Number.isSafeInteger(rv) || typeof start !== 'string' || start === '') {
    throw unusable('server does not recognize this encoded version');
  }
  return { revision: Number(rv), after: start.replace(/\u0000$/, '') };
}

function unusable(problem: string) {
  return badRequest(`invalid continue token: continue key is not valid: ${problem}`);
}
