import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { pkiErrors } from '@kubeedge-ts/errors';

/** Lower-case hex SHA-256 of a certificate's DER: the first part of a join token. */
export function caHash(caDer: Uint8Array): string {
  return createHash('sha256').update(caDer).digest('hex');
}

export interface TokenKey {
  /** DER of the CA certificate. */
  readonly caDer: Uint8Array;
  /** SEC 1 DER of the CA's private key: the HMAC key. */
  readonly keyDer: Uint8Array;
}

export interface TokenClaims {
  /** Unix milliseconds; kept with whole seconds. */
  readonly expiresAt: number;
  /**
   * Binds the token to one node name (claim `sub`). Upstream ignores the claim, so such a token works there like any
   * other. Absent: good for every name that does not exist yet.
   */
  readonly nodeName?: string;
}

/** `{caHash}.{header}.{payload}.{signature}` (spec/certificates-and-ports.md §3.1). */
export function mintToken(key: TokenKey, claims: TokenClaims): string {
  const payload = {
    exp: Math.floor(claims.expiresAt / 1000),
    ...(claims.nodeName === undefined ? {} : { sub: `${SUBJECT_PREFIX}${claims.nodeName}` }),
  };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(payload)}`;
  return `${caHash(key.caDer)}.${signed}.${createHmac('sha256', key.keyDer).update(signed).digest('base64url')}`;
}

export type TokenVerdict =
  | { readonly ok: true; readonly expiresAt: number; readonly nodeName?: string }
  | { readonly ok: false; readonly problem: 'malformed' | 'foreign' | 'expired' };

/**
 * Checks the three-part bearer form. Any HMAC-SHA2 is accepted, as upstream does (§3.3); `none` and public-key
 * algorithms never are. `now` in Unix milliseconds.
 */
export function verifyBearer(keyDer: Uint8Array, bearer: string, now: number): TokenVerdict {
  if (bearer.length > MAX_BEARER) return MALFORMED;
  const parts = bearer.split('.');
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
    return MALFORMED;
  }
  const hash = HMACS.get(String(decode(header)?.['alg']));
  if (hash === undefined) return MALFORMED;
  const expected = createHmac(hash, keyDer).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return { ok: false, problem: 'foreign' };
  }
  const claims = readClaims(payload);
  if (claims === undefined) return MALFORMED;
  return claims.expiresAt <= now ? { ok: false, problem: 'expired' } : { ok: true, ...claims };
}

export interface JoinToken {
  readonly caHash: string;
  /** What is sent as `Authorization: Bearer`. */
  readonly bearer: string;
  /** What the token says about itself; the edge cannot check it. Absent when it does not say. */
  readonly expiresAt?: number;
}

/** Takes a configured token apart (§3.3, edge side). @throws KubeEdgeError PKI_TOKEN_MALFORMED */
export function parseJoinToken(text: string): JoinToken {
  const parts = text.trim().split('.');
  const [hash, ...jwt] = parts;
  if (parts.length !== 4 || hash === undefined) {
    throw pkiErrors.create('PKI_TOKEN_MALFORMED', { problem: `${parts.length} parts instead of 4` });
  }
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw pkiErrors.create('PKI_TOKEN_MALFORMED', { problem: 'the first part is no SHA-256 in hex' });
  }
  if (!jwt.every((part) => /^[\w-]+$/.test(part))) {
    throw pkiErrors.create('PKI_TOKEN_MALFORMED', { problem: 'characters that are not base64url' });
  }
  const expiresAt = readClaims(jwt[1] ?? '')?.expiresAt;
  return { caHash: hash, bearer: jwt.join('.'), ...(expiresAt === undefined ? {} : { expiresAt }) };
}

const SUBJECT_PREFIX = 'system:node:';
const MAX_BEARER = 4_096;
const MALFORMED = { ok: false, problem: 'malformed' } as const;
const HMACS: ReadonlyMap<string, string> = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
]);

function readClaims(payload: string): TokenClaims | undefined {
  const claims = decode(payload);
  const expires = claims?.['exp'];
  if (typeof expires !== 'number' || !Number.isFinite(expires)) return undefined;
  const subject = claims?.['sub'];
  if (subject === undefined) return { expiresAt: expires * 1000 };
  if (typeof subject !== 'string' || !subject.startsWith(SUBJECT_PREFIX)) return undefined;
  return { expiresAt: expires * 1000, nodeName: subject.slice(SUBJECT_PREFIX.length) };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    // Undefined is what a malformed part means to every caller.
    return undefined;
  }
}
