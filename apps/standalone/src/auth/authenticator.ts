import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { forbidden, unauthorized } from '../rest/api-error.ts';
import type { UserInfo } from '../rest/api-request.ts';
import type { ObjectStore } from '../storage/index.ts';
import { AUTHENTICATED_GROUP, isAllowed, refusalText, UNAUTHENTICATED_GROUP } from './authorizer.ts';
import { DEFAULT_AUDIENCE, type ServiceAccountTokens, TOKEN_ISSUER } from './service-account-tokens.ts';

export const ANONYMOUS: UserInfo = { username: 'system:anonymous', groups: [UNAUTHENTICATED_GROUP] };
export const API_AUDIENCES = [DEFAULT_AUDIENCE, TOKEN_ISSUER];

/** Who sends a request: client certificate, else bearer token, else nobody; then impersonation. */
export interface Authenticator {
  /** @throws Unauthorized for a bad token, Forbidden for impersonation that is not allowed */
  authenticate(request: IncomingMessage): Promise<UserInfo>;
}

export function createAuthenticator(store: ObjectStore, tokens: ServiceAccountTokens): Authenticator {
  /** A connection keeps its certificate, and reading it is not cheap. */
  const byConnection = new WeakMap<TLSSocket, UserInfo>();
  const connectionUser = (socket: TLSSocket): UserInfo | undefined => {
    const user = byConnection.get(socket) ?? certificateUser(socket);
    if (user !== undefined) byConnection.set(socket, user);
    return user;
  };
  return {
    async authenticate(request) {
      const user =
        connectionUser(request.socket as TLSSocket) ??
        (await tokenUser(tokens, request.headers.authorization)) ??
        ANONYMOUS;
      return impersonated(store, user, request);
    },
  };
}

/**
 * The user of a verified client certificate; undefined for peers without one.
 * @throws Unauthorized for a certificate that is not of our CA, or expired
 */
function certificateUser(socket: TLSSocket): UserInfo | undefined {
  const certificate = socket.getPeerCertificate();
  if (certificate === undefined || Object.keys(certificate).length === 0) return undefined;
  if (!socket.authorized) throw unauthorized();
  const subject = certificate.subject as unknown as Record<string, string | string[] | undefined>;
  const name = subject['CN'];
  if (typeof name !== 'string' || name === '') throw unauthorized();
  const organizations = subject['O'] ?? [];
  const groups = Array.isArray(organizations) ? organizations : [organizations];
  return { username: name, groups: [...groups, AUTHENTICATED_GROUP] };
}

async function tokenUser(
  tokens: ServiceAccountTokens,
  header: string | undefined,
): Promise<UserInfo | undefined> {
  const match = /^Bearer +(\S+) *$/i.exec(header ?? '');
  if (match === null) return undefined;
  const verified = await tokens.verify(match[1] ?? '', API_AUDIENCES);
  if (verified === undefined) throw unauthorized();
  return verified.user;
}

function impersonated(store: ObjectStore, user: UserInfo, request: IncomingMessage): UserInfo {
  const name = request.headers['impersonate-user'];
  const groups = headerValues(request, 'impersonate-group');
  if (name === undefined || Array.isArray(name)) {
    if (groups.length > 0) throw unauthorized();
    return user;
  }
  const wanted = [
    { plural: name.startsWith('system:serviceaccount:') ? 'serviceaccounts' : 'users', name },
    ...groups.map((group) => ({ plural: 'groups', name: group })),
  ];
  for (const target of wanted) {
    const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(target.name);
    const attributes = {
      kind: 'resource',
      verb: 'impersonate',
      group: '',
      plural: target.plural,
      subresource: '',
      namespace: account?.[1] ?? '',
      name: account?.[2] ?? target.name,
    } as const;
    if (isAllowed(store, user, attributes)) continue;
    throw forbidden({ group: '', plural: target.plural }, attributes.name, refusalText(user, attributes));
  }
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name);
  const implied = account ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`] : [];
  const own = name === ANONYMOUS.username ? UNAUTHENTICATED_GROUP : AUTHENTICATED_GROUP;
  return { username: name, groups: [...new Set([...groups, ...(groups.length === 0 ? implied : []), own])] };
}

/** Every value of a header that may come several times; Node joins them otherwise. */
function headerValues(request: IncomingMessage, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    if (request.rawHeaders[at]?.toLowerCase() === name) values.push(request.rawHeaders[at + 1] ?? '');
  }
  return values;
}
