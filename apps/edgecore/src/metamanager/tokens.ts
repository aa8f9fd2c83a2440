import { isRecord, OPERATIONS, parseJson, resourcePath, type TokenRequest } from '@kubeedge-ts/apis';
import { edgecoreErrors, errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';
import { upsertMeta } from './meta-rows.ts';
import type { Remote } from './remote.ts';
import { tokenKey } from './token-key.ts';

const TYPE = 'serviceaccounttoken';
const DAY_MS = 86_400_000;
/** Set on a token that is handed out although it has expired, because the cloud is away (LESSONS A2). */
export const EXPIRED_ANNOTATION = 'kubeedge-ts.io/expired';

export interface Tokens {
  /** @throws KubeEdgeError EDGE_DISCONNECTED, EDGE_REMOTE_FAILED, STORE_* */
  get(namespace: string, serviceAccount: string, request: TokenRequest): Promise<TokenRequest>;
  /** Removes the tokens bound to a pod. */
  forget(podUid: string): Promise<void>;
}

/** Service account tokens: stored, asked for anew from 80 % of their life on, kept past their end while offline. */
export function createTokens(options: {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly remote: Pick<Remote, 'ask' | 'connected'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
}): Tokens {
  const { store, remote, clock, log } = options;
  const asking = new Map<string, Promise<TokenRequest>>();

  const stored = async (key: string): Promise<TokenRequest | undefined> => {
    const [row] = await store.read({ sql: 'SELECT value FROM meta WHERE key = ?', params: [key] });
    return readToken(row?.['value']);
  };

  const ask = async (key: string, resource: string, request: TokenRequest): Promise<TokenRequest> => {
    const answer = await remote.ask({
      operation: OPERATIONS.query,
      resource,
      content: wireRequest(request),
    });
    const token = readToken(JSON.stringify(answer.content));
    if (token === undefined) {
      await answer.acknowledge();
      const details = {
        operation: OPERATIONS.query,
        resource,
        reason: 'Unknown',
        problem: 'no token in the answer',
      };
      throw edgecoreErrors.create('EDGE_REMOTE_FAILED', details);
    }
    await store.write([upsertMeta(key, TYPE, JSON.stringify(answer.content))]);
    await answer.acknowledge();
    return token;
  };

  return {
    async get(namespace, serviceAccount, request) {
      const key = tokenKey(namespace, serviceAccount, request);
      const have = await stored(key);
      if (have !== undefined && isFresh(have, clock.now())) return have;
      const resource = resourcePath(TYPE, namespace, serviceAccount);
      try {
        const underway = asking.get(key) ?? ask(key, resource, request);
        asking.set(key, underway);
        return await underway;
      } catch (error) {
        if (have === undefined) throw error;
        const expired = expiryOf(have) <= clock.now();
        log.warn(
          { namespace, serviceAccount, expired, err: errorText(error) },
          'service account token could not be refreshed, the stored one is used',
        );
        return expired ? markExpired(have) : have;
      } finally {
        asking.delete(key);
      }
    },
    async forget(podUid) {
      await store.write([
        {
          sql:
            'DELETE FROM meta WHERE type = ? AND' +
            " CASE WHEN json_valid(value) THEN json_extract(value, '$.spec.boundObjectRef.uid') END = ?",
          params: [TYPE, podUid],
        },
      ]);
    },
  };
}

/** The query's content with the fields and nulls upstream sends. */
function wireRequest({ spec }: TokenRequest): object {
  return {
    metadata: { creationTimestamp: null },
    spec: {
      audiences: spec.audiences ?? null,
      expirationSeconds: spec.expirationSeconds ?? null,
      boundObjectRef: spec.boundObjectRef ?? null,
    },
    status: { token: '', expirationTimestamp: null },
  };
}

function readToken(value: unknown): TokenRequest | undefined {
  if (typeof value !== 'string') return undefined;
  let token: unknown;
  try {
    token = parseJson(value);
  } catch {
    // An unreadable row is as good as none; it is overwritten by the next answer.
    return undefined;
  }
  if (!isRecord(token) || !isRecord(token['spec']) || !isRecord(token['status'])) return undefined;
  if (typeof token['status']['token'] !== 'string' || token['status']['token'] === '') return undefined;
  return token as unknown as TokenRequest;
}

const expiryOf = (token: TokenRequest): number => Date.parse(String(token.status?.expirationTimestamp)) || 0;

/** Not past 80 % of its life and not older than a day (§3.3). */
export function isFresh(token: TokenRequest, now: number): boolean {
  const lifeMs = (token.spec.expirationSeconds ?? 3_600) * 1_000;
  const issued = expiryOf(token) - lifeMs;
  return now < issued + 0.8 * lifeMs && now < issued + DAY_MS;
}

function markExpired(token: TokenRequest): TokenRequest {
  const annotations = { ...token.metadata?.annotations, [EXPIRED_ANNOTATION]: 'true' };
  return { ...token, metadata: { ...token.metadata, annotations } };
}
