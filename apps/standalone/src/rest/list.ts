import type { KubeList, UnknownObject } from '@kubeedge-ts/apis';
import { groupVersion, type ResourceDefinition } from '../registry/types.ts';
import type { StoredObject } from '../storage/index.ts';
import { badRequest } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { checkListParameters, parseRevision, requireKnownRevision } from './revision-match.ts';
import { type Selection, selectionOf } from './selection.ts';
import { inVersion, requireStored } from './stored.ts';

/** GET of one object, of its status, or of a collection. */
export async function handleGet(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const stored = requireStored(context.store, request.definition, request.info);
  return { status: 200, body: await inVersion(request.definition, stored.object) };
}

export async function handleList(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  checkListParameters(request.query, false);
  const selection = selectionOf(request.query, request.definition);
  return { status: 200, body: await listObjects(context, request, selection) };
}

interface Page {
  readonly entries: readonly StoredObject[];
  readonly revision: number;
  readonly next?: string;
  readonly remaining?: number;
}

/** The list a request asks for: pages and exact versions show one consistent state. */
export async function listObjects(
  context: ApiContext,
  request: Pick<ApiRequest, 'definition' | 'info' | 'query'>,
  selection: Selection,
): Promise<KubeList<UnknownObject>> {
  const { definition } = request;
  const page = readPage(context, request, selection);
  const objects = await definition.codec.fromStorage(page.entries.map((entry) => entry.object));
  return {
    kind: definition.listKind,
    apiVersion: groupVersion(definition),
    metadata: {
      resourceVersion: String(page.revision),
      ...(page.next !== undefined && { continue: page.next }),
      ...(page.remaining !== undefined && { remainingItemCount: page.remaining }),
    },
    items: objects.map((object) => listItem(definition, object)),
  };
}

function readPage(
  { store }: ApiContext,
  { definition, info, query }: Pick<ApiRequest, 'definition' | 'info' | 'query'>,
  selection: Selection,
): Page {
  const namespace = definition.namespaced && info.namespace !== '' ? info.namespace : undefined;
  const limit = limitOf(query);
  const token = query.get('continue') ?? '';
  const from = token === '' ? undefined : decodeContinue(token);
  const asked = from?.revision ?? parseRevision(query.get('resourceVersion'));
  const exact = from !== undefined || query.get('resourceVersionMatch') === 'Exact';
  if (asked !== undefined && asked > 0) {
    if (exact || asked > store.revision) requireKnownRevision(store, asked);
  }
  const revision = exact && asked !== undefined ? asked : store.revision;
  const pathOf = ({ key }: StoredObject): string =>
    namespace === undefined && definition.namespaced ? `${key.namespace}/${key.name}` : key.name;

  let entries = exact
    ? store.listAt(revision, definition.storage, namespace)
    : store.list(definition.storage, namespace);
  if (from !== undefined) entries = entries.filter((entry) => pathOf(entry) > from.after);
  if (!selection.everything) entries = entries.filter((entry) => selection.matches(entry.object));
  const last = limit === 0 || entries.length <= limit ? undefined : entries[limit - 1];
  if (last === undefined) return { entries, revision };
  return {
    entries: entries.slice(0, limit),
    revision,
    next: encodeContinue({ revision, after: pathOf(last) }),
    // With a selector the count would need the rest of the list; Kubernetes leaves it out too.
    ...(selection.everything && { remaining: entries.length - limit }),
  };
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit') ?? '';
  if (text === '') return 0;
  if (!/^-?\d{1,15}$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Math.max(0, Number(text));
}

/** Items of built-in types do not repeat their type; those of custom resources do. */
function listItem(definition: ResourceDefinition, object: UnknownObject): UnknownObject {
  if (definition.typeName === undefined) return object;
  const { kind: _k, apiVersion: _a, ...rest } = object;
  return rest as UnknownObject;
}
