import { createHash } from 'node:crypto';
import type { Registry } from '../registry/registry.ts';
import { groupVersion, type JsonObject, type ResourceDefinition, type Verb } from '../registry/types.ts';

interface SubresourceEntry {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly Verb[];
}

const STATUS_VERBS: readonly Verb[] = ['get', 'patch', 'update'];

/** Subresources of a definition by name. */
function subresources(definition: ResourceDefinition): SubresourceEntry[] {
  const entries: SubresourceEntry[] = Object.entries(definition.actions ?? {}).map(([name, action]) => ({
    name,
    ...action,
  }));
  if (definition.scale !== undefined) {
    entries.push({ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: STATUS_VERBS });
  }
  if (definition.status) entries.push({ name: 'status', kind: definition.kind, verbs: STATUS_VERBS });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Any stable value serves: clients compare it to see whether the stored form changed. */
function storageVersionHash(definition: ResourceDefinition): string {
  return createHash('sha256')
    .update(`${definition.group}/${definition.version}/${definition.kind}`)
    .digest()
    .subarray(0, 8)
    .toString('base64');
}

/** `APIResourceList` of one group version. */
export function resourceList(registry: Registry, group: string, version: string): JsonObject {
  return {
    kind: 'APIResourceList',
    // The core group's list has always come without it.
    ...(group !== '' && { apiVersion: 'v1' }),
    groupVersion: groupVersion({ group, version }),
    resources: registry.resources(group, version).flatMap((definition) => [
      {
        name: definition.plural,
        singularName: definition.singular,
        namespaced: definition.namespaced,
        kind: definition.kind,
        verbs: definition.verbs,
        ...(definition.shortNames?.length && { shortNames: definition.shortNames }),
        ...(definition.categories?.length && { categories: definition.categories }),
        ...(!definition.virtual && { storageVersionHash: storageVersionHash(definition) }),
      },
      ...subresources(definition).map((entry) => ({
        name: `${definition.plural}/${entry.name}`,
        singularName: '',
        namespaced: definition.namespaced,
        ...(entry.group && { group: entry.group, version: entry.version }),
        kind: entry.kind,
        verbs: entry.verbs,
      })),
    ]),
  };
}

/** `APIVersions` of /api. */
export function legacyVersions(serverAddress: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

function groupEntry(group: string, versions: readonly string[]): JsonObject {
  const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

/** `APIGroupList` of /apis. */
export function groupList(registry: Registry): JsonObject {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: registry.groups().map(({ group, versions }) => groupEntry(group, versions)),
  };
}

/** `APIGroup` of /apis/GROUP; undefined when nothing is served there. */
export function singleGroup(registry: Registry, name: string): JsonObject | undefined {
  const found = registry.groups().find(({ group }) => group === name);
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(name, found.versions) };
}

/** The aggregated form, `apidiscovery.k8s.io/v2`: of the core group (/api) or of all others (/apis). */
export function aggregatedDiscovery(registry: Registry, core: boolean): JsonObject {
  const groups = core ? [{ group: '', versions: ['v1'] }] : registry.groups();
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { ...(group !== '' && { name: group }), creationTimestamp: null },
      versions: versions.map((version) => ({
        version,
        resources: registry.resources(group, version).map(aggregatedResource),
        freshness: 'Current',
      })),
    })),
  };
}

function aggregatedResource(definition: ResourceDefinition): JsonObject {
  const custom = definition.typeName === undefined;
  const { group, version, kind } = definition;
  const entries = subresources(definition).map((entry) => ({
    subresource: entry.name,
    responseKind: {
      group: entry.group ?? (custom ? group : ''),
      version: entry.version ?? (custom ? version : ''),
      kind: entry.kind,
    },
    verbs: entry.verbs,
  }));
  return {
    resource: definition.plural,
    // Built-in types leave out the group and version that they share with the list.
    responseKind: { group: custom ? group : '', version: custom ? version : '', kind },
    scope: definition.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: definition.verbs,
    ...(definition.shortNames?.length && { shortNames: definition.shortNames }),
    ...(definition.categories?.length && { categories: definition.categories }),
    ...(entries.length > 0 && { subresources: entries }),
  };
}

const V2_ACCEPT =
  /application\/json;(?=[^,]*\bg=apidiscovery\.k8s\.io)(?=[^,]*\bv=v2\b)(?=[^,]*\bas=APIGroupDiscoveryList)/;

/** Whether a client asks for the aggregated form. */
export function wantsAggregated(accept: string | undefined): boolean {
  return V2_ACCEPT.test(accept ?? '');
}

export const AGGREGATED_CONTENT_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
