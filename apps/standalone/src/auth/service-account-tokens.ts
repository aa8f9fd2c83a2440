import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { isRecord } from '@kubeedge-ts/apis';
import type { Clock, Random } from '@kubeedge-ts/runtime';
import { calculateJwkThumbprint, exportJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import type { UserInfo } from '../rest/api-request.ts';
import type { ObjectStore } from '../storage/index.ts';

/** Audience and issuer of tokens that name none. */
export const DEFAULT_AUDIENCE = 'https://kubernetes.default.svc';
export const TOKEN_ISSUER = 'https://kubernetes.default.svc.cluster.local';
const ALGORITHM = 'ES256';
const USER_PREFIX = 'system:serviceaccount:';

/** The object a token is bound to: it is valid only while that object exists. */
export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  readonly uid: string;
}

export interface TokenSubject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface TokenOptions {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly bound?: BoundObject;
  /** Node of a bound pod, so that the token says where it is used. */
  readonly node?: { readonly name: string; readonly uid?: string };
}

export interface ServiceAccountTokens {
  issue(subject: TokenSubject, options: TokenOptions): Promise<{ token: string; expiresAtMs: number }>;
  /** The account a token stands for, if it is ours, valid, for the audience, and its objects still exist. */
  verify(
    token: string,
    audiences: readonly string[],
  ): Promise<{ user: UserInfo; audiences: readonly string[] } | undefined>;
  /** The public key as a JSON Web Key Set. */
  jwks(): Promise<{ keys: JWK[] }>;
}

export interface ServiceAccountTokensPorts {
  /** PEM of the P-256 signing key. */
  readonly keyPem: string;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
}

export function createServiceAccountTokens(ports: ServiceAccountTokensPorts): ServiceAccountTokens {
  const { store, clock, random } = ports;
  const privateKey = createPrivateKey(ports.keyPem);
  const publicKey: KeyObject = createPublicKey(privateKey);
  const publicJwk = async (): Promise<JWK> => {
    const jwk = await exportJWK(publicKey);
    return { ...jwk, use: 'sig', alg: ALGORITHM, kid: await calculateJwkThumbprint(jwk) };
  };

  return {
    async issue(subject, { audiences, expirationSeconds, bound, node }) {
      const now = Math.floor(clock.now() / 1000);
      const expires = now + expirationSeconds;
      const token = await new SignJWT({
        'kubernetes.io': {
          namespace: subject.namespace,
          ...(node && { node }),
          ...(bound && { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
          serviceaccount: { name: subject.name, uid: subject.uid },
        },
      })
        .setProtectedHeader({ alg: ALGORITHM, kid: (await publicJwk()).kid ?? '' })
        .setIssuer(TOKEN_ISSUER)
        .setSubject(`${USER_PREFIX}${subject.namespace}:${subject.name}`)
        .setAudience([...audiences])
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(expires)
        .setJti(random.uuid())
        .sign(privateKey);
      return { token, expiresAtMs: expires * 1000 };
    },
    async verify(token, audiences) {
      const claims = await verifiedClaims(token, publicKey, audiences, clock.now());
      if (claims === undefined) return undefined;
      const scope = isRecord(claims['kubernetes.io']) ? claims['kubernetes.io'] : {};
      const namespace = String(scope['namespace'] ?? '');
      const account = isRecord(scope['serviceaccount']) ? scope['serviceaccount'] : {};
      const name = String(account['name'] ?? '');
      if (!exists(store, 'serviceaccounts', namespace, account)) return undefined;
      for (const [kind, resource, scoped] of BOUND) {
        const bound = scope[kind];
        if (isRecord(bound) && !exists(store, resource, scoped ? namespace : '', bound)) return undefined;
      }
      const asked = Array.isArray(claims['aud']) ? claims['aud'].map(String) : [String(claims['aud'])];
      return {
        user: userOf(namespace, name, String(account['uid'] ?? ''), scope, String(claims['jti'] ?? '')),
        audiences: asked.filter((audience) => audiences.includes(audience)),
      };
    },
    jwks: async () => ({ keys: [await publicJwk()] }),
  };
}

/** Claim, resource it names, whether that is namespaced. */
const BOUND = [
  ['pod', 'pods', true],
  ['secret', 'secrets', true],
] as const;

async function verifiedClaims(
  token: string,
  key: KeyObject,
  audiences: readonly string[],
  nowMs: number,
): Promise<Record<string, unknown> | undefined> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      issuer: TOKEN_ISSUER,
      audience: [...audiences],
      currentDate: new Date(nowMs),
      requiredClaims: ['exp', 'sub'],
    });
    return payload;
  } catch {
    // Whatever is wrong with it: it is no valid token, and the caller answers 401.
    return undefined;
  }
}

function exists(
  store: ObjectStore,
  resource: string,
  namespace: string,
  reference: Record<string, unknown>,
): boolean {
  const found = store.get({ resource, namespace, name: String(reference['name'] ?? '') });
  return found !== undefined && found.object.metadata.uid === reference['uid'];
}

function userOf(
  namespace: string,
  name: string,
  uid: string,
  scope: Record<string, unknown>,
  id: string,
): UserInfo {
  const extra: Record<string, readonly string[]> = {
    'authentication.kubernetes.io/credential-id': [`JTI=${id}`],
  };
  for (const kind of ['pod', 'node'] as const) {
    const bound = scope[kind];
    if (!isRecord(bound)) continue;
    extra[`authentication.kubernetes.io/${kind}-name`] = [String(bound['name'] ?? '')];
    if (bound['uid'] !== undefined)
      extra[`authentication.kubernetes.io/${kind}-uid`] = [String(bound['uid'])];
  }
  return {
    username: `${USER_PREFIX}${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra,
  };
}
