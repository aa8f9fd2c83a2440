import type { KubeList, UnknownObject } from '@kubeedge-ts/apis';
import { forwardHandlers } from '../kubelet/targets.ts';
import type { ResourceDefinition, Verb } from '../registry/types.ts';
import { includeObjectOf, partialObject, partialOf, tableOf } from '../table/table.ts';
import { methodNotAllowed, resourceNotFound } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse, ForwardResponse, StreamResponse } from './api-request.ts';
import { handleCreate } from './create.ts';
import { handleDelete, handleDeleteCollection } from './delete.ts';
import { handleGet, handleList } from './list.ts';
import { finalizeNamespace } from './namespace-finalize.ts';
import { negotiate } from './negotiate.ts';
import { handlePatch } from './patch.ts';
import { bindPod, evictPod } from './pod-actions.ts';
import { handleScale } from './scale.ts';
import { handleUpdate } from './update.ts';
import { handleWatch, type Presentation } from './watch.ts';

export type ResourceHandler = (context: ApiContext, request: ApiRequest) => Promise<ApiResponse>;

const HANDLERS: Readonly<Record<Exclude<Verb, 'watch'>, ResourceHandler>> = {
  get: handleGet,
  list: handleList,
  create: handleCreate,
  update: handleUpdate,
  patch: handlePatch,
  delete: handleDelete,
  deletecollection: handleDeleteCollection,
};

type ActionHandler = (context: ApiContext, request: ApiRequest) => Promise<ApiResponse | ForwardResponse>;

/** Subresources with an own handler, by `plural/subresource`. */
const ACTIONS: Readonly<Record<string, ActionHandler>> = {
  ...forwardHandlers,
  'pods/binding': bindPod,
  'pods/eviction': evictPod,
  'namespaces/finalize': finalizeNamespace,
};

export interface Dispatcher {
  handle(request: ApiRequest): Promise<ApiResponse | StreamResponse | ForwardResponse>;
}

/**
 * Finds the handler of a request for a resource.
 *
 * @param shared what all requests work with
 * @param extra handlers that need more than the context: of virtual resources by storage key, `serviceaccounts/token`
 */
export function createDispatcher(
  shared: ApiContext,
  extra: Readonly<Record<string, ResourceHandler>>,
): Dispatcher {
  const actions: Readonly<Record<string, ActionHandler>> = { ...ACTIONS, ...extra };
  return {
    async handle(request) {
      const { definition, info } = request;
      const { verb, subresource } = info;
      const context = { ...shared, user: request.user };
      if (subresource !== '') return handleSubresource(context, actions, request);
      if (verb === '') throw methodNotAllowed();
      if (!definition.verbs.includes(verb)) {
        const watchable = definition.verbs.includes('get') && !definition.virtual;
        if (verb === 'watch' && info.name !== '' && watchable) {
          return handleWatch(context, request, presentation(context, request));
        }
        throw methodNotAllowed();
      }
      if (definition.virtual) {
        const answer = extra[definition.storage];
        if (answer === undefined) throw resourceNotFound();
        return presented(context, request, await answer(context, request));
      }
      if (verb === 'watch') return handleWatch(context, request, presentation(context, request));
      return presented(context, request, await HANDLERS[verb](context, request));
    },
  };
}

async function handleSubresource(
  context: ApiContext,
  actions: Readonly<Record<string, ActionHandler>>,
  request: ApiRequest,
): Promise<ApiResponse | ForwardResponse> {
  const { definition, info } = request;
  const isPart = definition.strategy.parts?.[info.subresource] !== undefined;
  if ((info.subresource === 'status' && definition.status) || isPart) {
    if (info.verb !== 'get' && info.verb !== 'update' && info.verb !== 'patch') throw methodNotAllowed();
    return presented(context, request, await HANDLERS[info.verb](context, request));
  }
  if (info.subresource === 'scale' && definition.scale !== undefined) return handleScale(context, request);
  const declared = definition.actions?.[info.subresource];
  const action = actions[`${definition.storage}/${info.subresource}`];
  if (declared === undefined || action === undefined) throw resourceNotFound();
  // OPTIONS has no verb, and goes to a node like any other method.
  const served = info.verb === '' ? info.subresource === 'proxy' : declared.verbs.includes(info.verb);
  if (!served) throw methodNotAllowed();
  return action(context, request);
}

/** The answer in the form the client asked for; only what was read is shown as a table. */
function presented(context: ApiContext, request: ApiRequest, response: ApiResponse): ApiResponse {
  const form = negotiate(request.header('accept'));
  const { verb } = request.info;
  if (form === 'object' || (verb !== 'get' && verb !== 'list')) return response;
  const content = response.body as UnknownObject | KubeList<UnknownObject>;
  if (form === 'partial') return { ...response, body: partialOf(content) };
  return { ...response, body: table(context, request.definition, request.query, content, true) };
}

function presentation(context: ApiContext, request: ApiRequest): Presentation {
  const form = negotiate(request.header('accept'));
  if (form === 'object') return (object) => object;
  if (form === 'partial') return partialObject;
  let first = true;
  return (object) => {
    const withColumns = first;
    first = false;
    return table(context, request.definition, request.query, object, withColumns);
  };
}

function table(
  context: ApiContext,
  definition: ResourceDefinition,
  query: URLSearchParams,
  content: UnknownObject | KubeList<UnknownObject>,
  withColumns: boolean,
): unknown {
  return tableOf(definition, content, {
    include: includeObjectOf(query),
    nowMs: context.clock.now(),
    withColumns,
  });
}
