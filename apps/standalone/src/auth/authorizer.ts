import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { records } from '../registry/pod-defaults.ts';
import type { UserInfo } from '../rest/api-request.ts';
import type { ObjectStore } from '../storage/index.ts';

/** What somebody wants to do. */
export type Attributes =
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly plural: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

export const MASTERS_GROUP = 'system:masters';
export const AUTHENTICATED_GROUP = 'system:authenticated';
export const UNAUTHENTICATED_GROUP = 'system:unauthenticated';

const RBAC = 'rbac.authorization.k8s.io';

/** RBAC over the stored roles and bindings: whoever is not allowed by a rule is refused. */
export function isAllowed(store: ObjectStore, user: UserInfo, attributes: Attributes): boolean {
  if (user.groups.includes(MASTERS_GROUP)) return true;
  for (const rule of rulesFor(store, user, namespaceOf(attributes))) {
    if (allows(rule, attributes)) return true;
  }
  return false;
}

function namespaceOf(attributes: Attributes): string {
  return attributes.kind === 'resource' ? attributes.namespace : '';
}

/** All rules that apply to a user in a namespace ('' for cluster scope). */
export function* rulesFor(
  store: ObjectStore,
  user: UserInfo,
  namespace: string,
): Generator<Record<string, unknown>> {
  for (const { object } of store.list(`clusterrolebindings.${RBAC}`)) {
    if (binds(object, user, '')) yield* rulesOf(store, object, '');
  }
  if (namespace === '') return;
  for (const { object } of store.list(`rolebindings.${RBAC}`, namespace)) {
    if (binds(object, user, namespace)) yield* rulesOf(store, object, namespace);
  }
}

function binds(binding: UnknownObject, user: UserInfo, namespace: string): boolean {
  return records(binding['subjects']).some((subject) => {
    switch (subject['kind']) {
      case 'User':
        return subject['name'] === user.username;
      case 'Group':
        return user.groups.includes(String(subject['name']));
      case 'ServiceAccount': {
        const owner = String(subject['namespace'] ?? '') || namespace;
        return owner !== '' && user.username === `system:serviceaccount:${owner}:${String(subject['name'])}`;
      }
      default:
        return false;
    }
  });
}

function rulesOf(store: ObjectStore, binding: UnknownObject, namespace: string): Record<string, unknown>[] {
  const ref = isRecord(binding['roleRef']) ? binding['roleRef'] : {};
  const name = String(ref['name'] ?? '');
  const role =
    ref['kind'] === 'ClusterRole'
      ? store.get({ resource: `clusterroles.${RBAC}`, namespace: '', name })
      : store.get({ resource: `roles.${RBAC}`, namespace, name });
  return records(role?.object['rules']);
}

function allows(rule: Record<string, unknown>, attributes: Attributes): boolean {
  const includes = (field: string, ...wanted: string[]): boolean => {
    const list = rule[field];
    return Array.isArray(list) && wanted.some((value) => list.includes(value));
  };
  if (!includes('verbs', attributes.verb, '*')) return false;
  if (attributes.kind === 'path') {
    const urls = rule['nonResourceURLs'];
    return Array.isArray(urls) && urls.some((url) => matchesPath(String(url), attributes.path));
  }
  if (!includes('apiGroups', attributes.group, '*')) return false;
  const { plural, subresource, name } = attributes;
  const resource = subresource === '' ? plural : `${plural}/${subresource}`;
  const wildcards = subresource === '' ? ['*'] : ['*', `*/${subresource}`];
  if (!includes('resources', resource, ...wildcards)) return false;
  const names = rule['resourceNames'];
  return !Array.isArray(names) || names.length === 0 || names.includes(name);
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1));
}

/** Why a request is refused, in Kubernetes' words. */
export function refusalText(user: UserInfo, attributes: Attributes): string {
  const who = `User ${JSON.stringify(user.username)} cannot ${attributes.verb}`;
  if (attributes.kind === 'path') return `${who} path ${JSON.stringify(attributes.path)}`;
  const { plural, subresource, group, namespace } = attributes;
  const resource = JSON.stringify(subresource === '' ? plural : `${plural}/${subresource}`);
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `${who} resource ${resource} in API group ${JSON.stringify(group)} ${scope}`;
}
