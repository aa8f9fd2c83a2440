import type { Status, UnknownObject } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { ResourceDefinition } from '../registry/types.ts';
import type { StoredObject } from '../storage/index.ts';
import { conflict } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { type DeleteOptions, deleteOptions } from './delete-options.ts';
import { listObjects } from './list.ts';
import { selectionOf } from './selection.ts';
import { inVersion, requireStored } from './stored.ts';
import { deletionIsComplete } from './update.ts';

/** DELETE of one object. */
export async function handleDelete(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { definition, info } = request;
  const options = await deleteOptions(request);
  const stored = requireStored(context.store, definition, info);
  const outcome = deleteObject(context, definition, stored, options);
  if (outcome.removed && !definition.strategy.returnsDeleted) {
    return { status: 200, body: success(definition, outcome.object) };
  }
  return { status: 200, body: await inVersion(definition, outcome.object) };
}

/** DELETE of a collection: answers with the list of what was deleted. */
export async function handleDeleteCollection(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { definition } = request;
  const options = await deleteOptions(request);
  const list = await listObjects(context, request, selectionOf(request.query, definition));
  for (const item of list.items) {
    const key = {
      resource: definition.storage,
      namespace: item.metadata.namespace ?? '',
      name: item.metadata.name,
    };
    const stored = context.store.get(key);
    if (stored !== undefined) deleteObject(context, definition, stored, options);
  }
  return { status: 200, body: list };
}

export interface DeleteOutcome {
  /** The object is gone; otherwise it waits for its grace period or finalizers. */
  readonly removed: boolean;
  /** Last state in stored form. */
  readonly object: UnknownObject;
}

const DEPENDENT_FINALIZERS = ['foregroundDeletion', 'orphan'];

/** Begins or finishes the deletion of one object. @throws Conflict when a precondition does not hold */
export function deleteObject(
  context: ApiContext,
  definition: ResourceDefinition,
  stored: StoredObject,
  options: DeleteOptions,
): DeleteOutcome {
  const { strategy } = definition;
  const { metadata } = stored.object;
  checkPreconditions(definition, metadata.name, metadata, options);

  const next = structuredClone(stored.object);
  const grace = strategy.gracePeriod?.(stored.object, options.gracePeriodSeconds) ?? 0;
  const wanted = dependentFinalizer(options);
  const already = metadata.deletionTimestamp !== undefined;
  const finalizers = (metadata.finalizers ?? []).filter(
    (name) => options.propagationPolicy === undefined || !DEPENDENT_FINALIZERS.includes(name),
  );
  if (wanted !== undefined) finalizers.push(wanted);
  if (finalizers.length > 0) next.metadata.finalizers = finalizers;
  else delete next.metadata.finalizers;

  // A second delete may only shorten the grace period.
  const left = already ? Math.min(metadata.deletionGracePeriodSeconds ?? 0, grace) : grace;
  const shortened = already && left < (metadata.deletionGracePeriodSeconds ?? 0);
  if (!already || shortened) {
    next.metadata.deletionTimestamp = rfc3339(context.clock.now() + left * 1000);
    if (!strategy.plainDeletion) {
      next.metadata.deletionGracePeriodSeconds = left;
      if (next.metadata.generation !== undefined) next.metadata.generation += 1;
    }
  }
  if (!already) strategy.beginDelete?.(next, context);

  if (deletionIsComplete(definition, next)) {
    if (options.dryRun) return { removed: true, object: next };
    // What goes at once is announced as it was; what had a grace period shows how it ended.
    const last = strategy.gracePeriod === undefined && !already ? stored.object : next;
    const removed = context.store.delete(stored.key, stored.revision, last);
    if (removed === undefined) throw conflict(definition, metadata.name);
    strategy.afterDelete?.(removed.object, context);
    return { removed: true, object: removed.object };
  }
  const unchanged = already && !shortened && finalizers.join() === (metadata.finalizers ?? []).join();
  if (options.dryRun || unchanged) return { removed: false, object: next };
  const updated = context.store.update(stored.key, stored.revision, next);
  if (updated === undefined) throw conflict(definition, metadata.name);
  return { removed: false, object: updated.object };
}

function dependentFinalizer({ propagationPolicy }: DeleteOptions): string | undefined {
  if (propagationPolicy === 'Foreground') return 'foregroundDeletion';
  if (propagationPolicy === 'Orphan') return 'orphan';
  return undefined;
}

function checkPreconditions(
  definition: ResourceDefinition,
  name: string,
  found: { readonly uid?: string; readonly resourceVersion?: string },
  { uid, resourceVersion }: DeleteOptions,
): void {
  if (uid !== undefined && uid !== found.uid) {
    throw conflict(
      definition,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${found.uid}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== found.resourceVersion) {
    throw conflict(
      definition,
      name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${found.resourceVersion}`,
    );
  }
}

function success(definition: ResourceDefinition, object: UnknownObject): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: object.metadata.name,
      ...(definition.group && { group: definition.group }),
      kind: definition.plural,
      ...(object.metadata.uid && { uid: object.metadata.uid }),
    },
  };
}
