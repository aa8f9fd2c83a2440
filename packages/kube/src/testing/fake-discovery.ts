import {
  apiVersionOf,
  configMaps,
  customResourceDefinitions,
  deployments,
  events,
  type KubeObject,
  leases,
  namespaces,
  nodes,
  pods,
  type Resource,
  replicaSets,
  secrets,
  serviceAccounts,
  services,
} from '@kubeedge-ts/apis';

export const BUILT_IN: readonly Resource<KubeObject>[] = [
  pods,
  nodes,
  configMaps,
  secrets,
  namespaces,
  serviceAccounts,
  events,
  services,
  leases,
  deployments,
  replicaSets,
  customResourceDefinitions,
];

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** The discovery document at `path`, unaggregated; undefined when there is none. */
export function discoveryAt(path: string, resources: readonly Resource<KubeObject>[]): object | undefined {
  const named = resources.filter((resource) => resource.group !== '');
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') {
    const groups = [...new Set(named.map((resource) => resource.group))].map((name) => {
      const versions = [...new Set(named.filter((r) => r.group === name).map((r) => r.version))].map(
        (version) => ({ groupVersion: `${name}/${version}`, version }),
      );
      return { name, versions, preferredVersion: versions[0] };
    });
    return { kind: 'APIGroupList', apiVersion: 'v1', groups };
  }
  const groupVersion = /^\/(?:api|apis)\/(.+)$/.exec(path)?.[1];
  const found = resources.filter((resource) => apiVersionOf(resource) === groupVersion);
  if (found.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    groupVersion,
    resources: found.map(({ plural, kind, namespaced }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced,
      kind,
      verbs: VERBS,
    })),
  };
}
