import type { Pod, TokenRequest } from '@kubeedge-ts/apis';
import type { Random } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import { identityOf } from '../runtime/labels.ts';

export interface PodToken {
  readonly token: string;
  /** When to ask again, ms since the epoch. */
  readonly refreshAt: number;
}

const DAY_MS = 86_400_000;
const JITTER_MS = 10_000;
/** Between two tries to replace a token that is due (the cloud is away). */
const RETRY_MS = 60_000;
const DEFAULT_SECONDS = 3_600;

/**
 * A token for a projected volume, due again at 80 % of its life or after a day (spec/edged.md §12.4). While the cloud
 * is away MetaManager answers with the stored one, which is then simply due again later (LESSONS A2).
 */
export async function podToken(
  pod: Pod,
  source: { readonly audience?: string; readonly expirationSeconds?: number },
  meta: Pick<MetaClient, 'getToken'>,
  now: number,
  random: Random,
): Promise<PodToken> {
  const { namespace, name, uid } = identityOf(pod);
  const request = {
    metadata: { creationTimestamp: null },
    spec: {
      audiences: source.audience ? [source.audience] : null,
      expirationSeconds: source.expirationSeconds ?? DEFAULT_SECONDS,
      boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
    },
    status: { token: '', expirationTimestamp: null },
  } as unknown as TokenRequest;
  const answer = await meta.getToken(namespace, pod.spec?.serviceAccountName || 'default', request);
  const lifeMs = (answer.spec.expirationSeconds ?? request.spec.expirationSeconds ?? DEFAULT_SECONDS) * 1000;
  const issued = (Date.parse(String(answer.status?.expirationTimestamp)) || now) - lifeMs;
  const due = issued + Math.min(0.8 * lifeMs, DAY_MS) + random.next() * JITTER_MS;
  const retry = now + RETRY_MS * (0.5 + random.next());
  return { token: answer.status?.token ?? '', refreshAt: due > now ? due : retry };
}
