import type { Pod, TokenRequest } from '@kubeedge-ts/apis';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import { EXPIRED_ANNOTATION } from '../../metamanager/tokens.ts';
import type { Events } from '../events.ts';
import { identityOf } from '../runtime/labels.ts';

export interface PodToken {
  readonly token: string;
  /** RFC 3339. */
  readonly expires: string;
  /** When to ask again, ms since the epoch. */
  readonly refreshAt: number;
}

export interface TokenSource {
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

/** Tokens of pods' service accounts. */
export interface PodTokens {
  get(pod: Pod, source: TokenSource): Promise<PodToken>;
  forget(uid: string): void;
}

const DAY_MS = 86_400_000;
const JITTER_MS = 10_000;
/** Between two tries to replace a token that is due (the cloud is away). */
const RETRY_MS = 60_000;
const DEFAULT_SECONDS = 3_600;

/**
 * A token is due again at 80 % of its life or after a day (spec/edged.md §12.4). While the cloud is away MetaManager
 * answers with the stored one, marked when it has expired: the containers keep it, and users are told once by an event
 * of the pod and in the log (LESSONS A2).
 */
export function createPodTokens(options: {
  readonly meta: Pick<MetaClient, 'getToken'>;
  readonly events: Pick<Events, 'pod'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly log: Logger;
}): PodTokens {
  const { meta, events, clock, random, log } = options;
  /** Pods whose expired tokens users were told of, by service account and audience. */
  const told = new Map<string, Set<string>>();

  const mark = (pod: Pod, account: string, audience: string, expires: string): void => {
    const { uid, name, namespace } = identityOf(pod);
    const known = told.get(uid) ?? new Set();
    told.set(uid, known);
    const key = `${account}\0${audience}`;
    if (known.has(key)) return;
    known.add(key);
    const text = `The token of service account ${account} expired at ${expires} and could not be renewed while the cloud is away; containers keep it until it can`;
    events.pod(pod, 'Warning', 'TokenExpired', text);
    log.warn({ pod: name, namespace, serviceAccount: account, expires }, 'an expired token stays in use');
  };

  const unmark = (pod: Pod, account: string, audience: string): void => {
    const { uid, name, namespace } = identityOf(pod);
    if (told.get(uid)?.delete(`${account}\0${audience}`) !== true) return;
    events.pod(pod, 'Normal', 'TokenRenewed', `The expired token of service account ${account} was renewed`);
    log.info({ pod: name, namespace, serviceAccount: account }, 'an expired token was renewed');
  };

  return {
    async get(pod, { audience = '', expirationSeconds = DEFAULT_SECONDS }) {
      const { namespace, name, uid } = identityOf(pod);
      const account = pod.spec?.serviceAccountName || 'default';
      const request = {
        metadata: { creationTimestamp: null },
        spec: {
          audiences: audience === '' ? null : [audience],
          expirationSeconds,
          boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
        },
        status: { token: '', expirationTimestamp: null },
      } as unknown as TokenRequest;
      const answer = await meta.getToken(namespace, account, request);
      const now = clock.now();
      const lifeMs = (answer.spec.expirationSeconds ?? expirationSeconds) * 1000;
      const expires = String(answer.status?.expirationTimestamp);
      if (answer.metadata?.annotations?.[EXPIRED_ANNOTATION] === 'true')
        mark(pod, account, audience, expires);
      else unmark(pod, account, audience);
      const issued = (Date.parse(expires) || now) - lifeMs;
      const due = issued + Math.min(0.8 * lifeMs, DAY_MS) + random.next() * JITTER_MS;
      const retry = now + RETRY_MS * (0.5 + random.next());
      return { token: answer.status?.token ?? '', expires, refreshAt: due > now ? due : retry };
    },
    forget: (uid) => void told.delete(uid),
  };
}
