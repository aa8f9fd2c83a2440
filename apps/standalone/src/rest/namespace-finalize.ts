import { isRecord } from '@kubeedge-ts/apis';
import { conflict } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { checkName, decodeObject } from './decode-body.ts';
import { requireStored } from './stored.ts';
import { deletionIsComplete } from './update.ts';

/** PUT namespaces/finalize: whoever emptied the namespace takes its finalizer away. */
export async function finalizeNamespace(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { definition, info } = request;
  const { object } = decodeObject(await request.body(), request.header('content-type'), definition, 'Ignore');
  checkName(object, info.name);
  const stored = requireStored(context.store, definition, info);
  const { resourceVersion } = object.metadata;
  if (resourceVersion && resourceVersion !== String(stored.revision)) throw conflict(definition, info.name);
  const next = structuredClone(stored.object);
  const sent = isRecord(object['spec']) ? object['spec']['finalizers'] : undefined;
  next['spec'] = Array.isArray(sent) && sent.length > 0 ? { finalizers: sent } : {};
  if (deletionIsComplete(definition, next)) {
    const removed = context.store.delete(stored.key, stored.revision, next);
    if (removed === undefined) throw conflict(definition, info.name);
    return { status: 200, body: removed.object };
  }
  const updated = context.store.update(stored.key, stored.revision, next);
  if (updated === undefined) throw conflict(definition, info.name);
  return { status: 200, body: updated.object };
}
