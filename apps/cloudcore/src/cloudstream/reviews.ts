import { isRecord, parseJson } from '@kubeedge-ts/apis';
import { kubeErrors } from '@kubeedge-ts/errors';
import { failure, type KubeClient, statusError } from '@kubeedge-ts/kube';
import type { UserInfo } from './caller.ts';

/** What the cluster is asked about a request to a kubelet. */
export interface AccessQuestion {
  readonly user: UserInfo;
  readonly verb: string;
  /** The node's name; empty: nodes in general. */
  readonly node: string;
  readonly subresource: string;
}

/** The cluster's word on tokens and rights. Failures of the API are thrown. */
export interface Reviews {
  /** Undefined: not a token of this cluster, or no longer. */
  token(token: string): Promise<UserInfo | undefined>;
  isAllowed(question: AccessQuestion): Promise<boolean>;
}

const TIMEOUT_MS = 10_000;
const LIMITS = { maxLength: 1_048_576, maxDepth: 32 };

export function createReviews(kube: Pick<KubeClient, 'request'>, signal: AbortSignal): Reviews {
  const review = async (group: string, plural: string, kind: string, spec: object): Promise<object> => {
    const path = `/apis/${group}/v1/${plural}`;
    const { status, body } = await kube.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: `${group}/v1`, kind, spec }),
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    const line = { method: 'POST', path };
    if (status < 200 || status > 299) throw statusError(failure(status, body.toString().slice(0, 512)), line);
    const answer = parseJson(body.toString(), LIMITS);
    const result = isRecord(answer) ? answer['status'] : undefined;
    if (!isRecord(result))
      throw kubeErrors.create('KUBE_RESPONSE_INVALID', { ...line, problem: 'no status' });
    return result;
  };

  return {
    async token(token) {
      const status = await review('authentication.k8s.io', 'tokenreviews', 'TokenReview', { token });
      const { authenticated, user } = status as { authenticated?: unknown; user?: unknown };
      return authenticated === true && isRecord(user) ? userOf(user) : undefined;
    },
    async isAllowed({ user, verb, node, subresource }) {
      const { username, uid, groups, extra } = user;
      const status = await review('authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview', {
        user: username,
        ...(uid === undefined ? {} : { uid }),
        groups,
        ...(extra === undefined ? {} : { extra }),
        resourceAttributes: {
          verb,
          version: 'v1',
          resource: 'nodes',
          subresource,
          ...(node === '' ? {} : { name: node }),
        },
      });
      const { allowed, denied } = status as { allowed?: unknown; denied?: unknown };
      return allowed === true && denied !== true;
    },
  };
}

function userOf(user: Record<string, unknown>): UserInfo | undefined {
  const { username, uid, groups, extra } = user;
  if (typeof username !== 'string' || username === '') return undefined;
  return {
    username,
    ...(typeof uid === 'string' && uid !== '' ? { uid } : {}),
    groups: textsOf(groups),
    ...(isRecord(extra)
      ? { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, textsOf(values)])) }
      : {}),
  };
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
