import { createHash, type X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import { createAnswerCache } from './answer-cache.ts';
import { type CallerChecks, type Shown, shownIdentity, type UserInfo } from './caller.ts';
import type { KubeletRoute } from './kubelet-routes.ts';
import { refusal } from './refusal.ts';
import type { Reviews } from './reviews.ts';

/** Who asks, and may he: decided by the cluster, as for any kubelet with webhook authentication and authorization. */
export interface Access {
  /** @throws KubeEdgeError CLOUDCORE_KUBELET_REQUEST 401, 403 */
  authenticate(request: IncomingMessage): Promise<UserInfo>;
  /**
   * `node`: empty when no node was found for the request; then only who may do it with all nodes is told so.
   * @throws KubeEdgeError CLOUDCORE_KUBELET_REQUEST 403, 500
   */
  authorize(user: UserInfo, method: string, route: KubeletRoute, node: string): Promise<void>;
}

export interface AccessOptions {
  readonly reviews: Reviews;
  readonly checks: () => CallerChecks;
  readonly clock: Clock;
  readonly log: Logger;
}

/** As a kubelet's `authentication.webhook.cacheTTL`, `authorization.webhook.cacheAuthorizedTTL` and `…UnauthorizedTTL`. */
const TOKEN_MS = 120_000;
const ALLOWED_MS = 300_000;
const REFUSED_MS = 30_000;
const MAX_ENTRIES = 4_096;
const MAX_PENDING = 256;

const VERBS: Readonly<Record<string, string>> = { GET: 'get', HEAD: 'get', POST: 'create' };

export function createAccess({ reviews, checks, clock, log }: AccessOptions): Access {
  const overloaded = () => refusal(503, 'too many requests wait for the cluster to say who sends them');
  const limits = { clock, maxEntries: MAX_ENTRIES, maxPending: MAX_PENDING, overloaded };
  const tokens = createAnswerCache<UserInfo | undefined>({ ...limits, holds: () => TOKEN_MS });
  const rights = createAnswerCache<boolean>({
    ...limits,
    holds: (allowed) => (allowed ? ALLOWED_MS : REFUSED_MS),
  });
  /** A connection keeps its certificate, and reading it is not cheap. */
  const certificates = new WeakMap<TLSSocket, X509Certificate>();

  const shown = (request: IncomingMessage): Shown => {
    const { socket } = request;
    if (!(socket instanceof TLSSocket)) return { kind: 'nothing' };
    const certificate = certificates.get(socket) ?? socket.getPeerX509Certificate();
    if (certificate !== undefined) certificates.set(socket, certificate);
    const error: unknown = socket.authorizationError;
    return shownIdentity(
      {
        certificate,
        verified: socket.authorized,
        problem: error === null || error === undefined ? undefined : errorText(error),
        authorization: request.headers.authorization,
      },
      checks(),
    );
  };

  const byToken = async (token: string): Promise<UserInfo | undefined> => {
    // the key is a hash, so that the cache of one process is no collection of tokens
    const key = createHash('sha256').update(token).digest('base64');
    return tokens.get(key, () => reviews.token(token));
  };

  return {
    async authenticate(request) {
      const identity = shown(request);
      const remoteAddress = request.socket.remoteAddress ?? '';
      switch (identity.kind) {
        case 'user':
          return identity.user;
        case 'node':
          log.warn({ node: identity.name, remoteAddress }, 'kubelet request of a node refused');
          throw refusal(403, `Forbidden: the certificate of ${identity.name} is not for the kubelet API`);
        case 'token': {
          const user = await byToken(identity.token).catch((error: unknown) => {
            log.warn({ remoteAddress, err: errorText(error) }, 'token of a kubelet request not checked');
            return undefined;
          });
          if (user !== undefined) return user;
          log.info({ remoteAddress }, 'kubelet request with a token that does not hold refused');
          throw refusal(401, 'Unauthorized');
        }
        case 'refused':
          log.info({ remoteAddress, reason: identity.reason }, 'kubelet request refused');
          throw refusal(401, 'Unauthorized');
        case 'nothing':
          throw refusal(401, 'Unauthorized');
      }
    },

    async authorize(user, method, route, node) {
      const verb = VERBS[method] ?? '';
      for (const subresource of route.subresources) {
        const question = { user, verb, node, subresource };
        let allowed: boolean;
        try {
          allowed = await rights.get(JSON.stringify(question), () => reviews.isAllowed(question));
        } catch (error) {
          log.warn({ user: user.username, node, err: errorText(error) }, 'rights on a node not checked');
          throw refusal(
            500,
            `Authorization error (user=${user.username}, verb=${verb}, resource=nodes, subresource=${subresource})`,
          );
        }
        if (allowed) return;
      }
      log.info(
        { user: user.username, node, verb, path: route.path },
        'kubelet request refused by the cluster',
      );
      throw refusal(
        403,
        `Forbidden (user=${user.username}, verb=${verb}, resource=nodes, subresource(s)=[${route.subresources.join(' ')}])`,
      );
    },
  };
}
