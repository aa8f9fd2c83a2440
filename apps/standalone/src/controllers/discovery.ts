import { isRecord, type KubeObject, type Resource } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { failure, type KubeClient, statusError } from '@kubeedge-ts/kube';

export interface DiscoveredResource extends Resource<KubeObject> {
  readonly verbs: readonly string[];
}

export interface Discovery {
  /** One entry per resource, in the version its group prefers. */
  readonly resources: readonly DiscoveredResource[];
  /** Group versions that did not answer, with what went wrong. */
  readonly failed: ReadonlyMap<string, string>;
}

/** What the API serves now. @throws KUBE_UNREACHABLE, KUBE_STATUS when not even the list of groups can be had */
export async function discover(
  client: Pick<KubeClient, 'request'>,
  signal?: AbortSignal,
): Promise<Discovery> {
  const read = async (path: string): Promise<Record<string, unknown>> => {
    const answer = await client.request({ method: 'GET', path, signal });
    const body: unknown = answer.status === 200 ? JSON.parse(answer.body.toString('utf8')) : undefined;
    if (isRecord(body)) return body;
    throw statusError(failure(answer.status, 'discovery failed'), { method: 'GET', path });
  };
  const resources = new Map<string, DiscoveredResource>();
  const failed = new Map<string, string>();
  const collect = async (group: string, version: string): Promise<void> => {
    const groupVersion = group === '' ? version : `${group}/${version}`;
    try {
      const list = await read(group === '' ? `/api/${version}` : `/apis/${groupVersion}`);
      for (const entry of records(list['resources'])) {
        const found = resourceOf(entry, group, version);
        const id = `${found.plural}.${group}`;
        // Versions come in the order of preference: the first that has the resource counts.
        if (!found.plural.includes('/') && !resources.has(id)) resources.set(id, found);
      }
    } catch (error) {
      signal?.throwIfAborted();
      failed.set(groupVersion, errorText(error));
    }
  };

  const groups = await read('/apis');
  await collect('', 'v1');
  for (const group of records(groups['groups'])) {
    const preferred = isRecord(group['preferredVersion']) ? group['preferredVersion'] : undefined;
    const versions = records(group['versions']).map((entry) => String(entry['version']));
    const first = preferred === undefined ? [] : [String(preferred['version'])];
    for (const version of new Set([...first, ...versions])) await collect(String(group['name']), version);
  }
  return { resources: [...resources.values()], failed };
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function resourceOf(entry: Record<string, unknown>, group: string, version: string): DiscoveredResource {
  return {
    group,
    version,
    plural: String(entry['name']),
    kind: String(entry['kind']),
    namespaced: entry['namespaced'] === true,
    verbs: Array.isArray(entry['verbs']) ? entry['verbs'].map(String) : [],
  };
}

export function supports(resource: DiscoveredResource, ...verbs: readonly string[]): boolean {
  return verbs.every((verb) => resource.verbs.includes(verb));
}
