import type { UnknownObject } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { afterUpdate, type ManagedFieldsEntry } from '../patch/managed-fields.ts';
import { groupVersion, type ResourceDefinition } from '../registry/types.ts';
import type { StoredObject } from '../storage/index.ts';
import { conflict } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { checkName, checkNamespace, decodeObject } from './decode-body.ts';
import { type FieldError, invalid, invalidLiteral, invalidObject } from './field-error.ts';
import { sameContent, updatedMetadata, validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { inVersion, requireStored } from './stored.ts';
import { type WriteOptions, writeOptions } from './write-options.ts';

/** PUT of an object, or of its status. */
export async function handleUpdate(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { definition, info } = request;
  const options = writeOptions(request.query, request.header('user-agent'), 'UpdateOptions');
  const { object: sent, warnings } = decodeObject(
    await request.body(),
    request.header('content-type'),
    definition,
    options.fieldValidation,
  );
  checkName(sent, info.name);
  checkNamespace(sent, definition.namespaced ? info.namespace : '');
  requireStored(context.store, definition, info);
  if (!definition.strategy.unconditionalUpdate && !sent.metadata.resourceVersion) {
    throw invalidObject(definition.group, definition.plural, info.name, [
      invalidLiteral('metadata.resourceVersion', '0x0', 'must be specified for an update'),
    ]);
  }
  const object = await updateObject(context, request, options, () => ({ object: sent }));
  return { status: 200, body: object, warnings };
}

/** What a change wants to be stored; `managedFields` when it has decided about ownership itself. */
export interface WantedObject {
  readonly object: UnknownObject;
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** A patch without a version is computed again when another write came in between. */
const MAX_ATTEMPTS = 5;

/**
 * Changes a stored object. `compute` gets the object in the version of the request; it is called again after a lost
 * race, which ends in a conflict when its result names the resourceVersion of before.
 */
export async function updateObject(
  context: ApiContext,
  request: Pick<ApiRequest, 'definition' | 'info'>,
  options: WriteOptions,
  compute: (current: UnknownObject) => WantedObject | Promise<WantedObject>,
): Promise<UnknownObject> {
  const { definition, info } = request;
  for (let attempt = 1; ; attempt++) {
    const stored = requireStored(context.store, definition, info);
    const old = await inVersion(definition, stored.object);
    const wanted = await compute(old);
    const next = structuredClone(wanted.object);
    checkPreconditions(definition, next, old);
    const outcome = prepareUpdate(context, request, options, next, old, wanted.managedFields);
    if (outcome === 'unchanged') return old;
    const written = await write(context, definition, options, stored, next);
    if (written !== undefined) return written;
    if (attempt === MAX_ATTEMPTS) throw conflict(definition, info.name);
  }
}

function checkPreconditions(definition: ResourceDefinition, next: UnknownObject, old: UnknownObject): void {
  const { resourceVersion, uid, name } = next.metadata;
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw conflict(definition, name);
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    throw conflict(
      definition,
      old.metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
}

function prepareUpdate(
  context: ApiContext,
  { definition, info }: Pick<ApiRequest, 'definition' | 'info'>,
  options: WriteOptions,
  next: UnknownObject,
  old: UnknownObject,
  fields: readonly ManagedFieldsEntry[] | undefined,
): 'changed' | 'unchanged' {
  const { strategy } = definition;
  const renamed = next.metadata.name !== old.metadata.name;
  const sentFields = next.metadata.managedFields;
  next.metadata = updatedMetadata(next.metadata, old.metadata);
  isolateSubresource(definition, info.subresource, next, old);
  strategy.defaults?.(next);
  strategy.parts?.[info.subresource]?.prepare?.(next, old, context);

  next.metadata.managedFields = [
    ...(fields ?? ownership(context, definition, info.subresource, options, sentFields, next, old)),
  ];
  if (next.metadata.managedFields.length === 0) delete next.metadata.managedFields;

  if (info.subresource === '') strategy.prepareForUpdate?.(next, old, context);
  if (strategy.generation && specChanged(definition, next, old)) {
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  const errors: FieldError[] = [
    ...(renamed ? [invalid('metadata.name', next.metadata.name, 'field is immutable')] : []),
    ...validateMetadata(next.metadata, strategy.nameRule, definition.namespaced),
    ...validateMetadataUpdate(next, old),
    ...validation(definition, info.subresource, next, old),
  ];
  if (errors.length > 0) throw invalidObject(definition.group, definition.kind, old.metadata.name, errors);

  const sameFields = sameJson(withoutTimes(next), withoutTimes(old));
  return sameFields && sameContent(next, old) ? 'unchanged' : 'changed';
}

function validation(
  definition: ResourceDefinition,
  subresource: string,
  next: UnknownObject,
  old: UnknownObject,
): FieldError[] {
  const { strategy } = definition;
  const part = strategy.parts?.[subresource];
  if (part?.validate !== undefined) return part.validate(next, old);
  if (subresource === 'status') return strategy.validateStatus?.(next) ?? [];
  return [...(strategy.validate?.(next) ?? []), ...(strategy.validateUpdate?.(next, old) ?? [])];
}

/** The main resource cannot change the status, and the status subresource nothing else of the content. */
function isolateSubresource(
  definition: ResourceDefinition,
  subresource: string,
  next: UnknownObject,
  old: UnknownObject,
): void {
  const part = definition.strategy.parts?.[subresource];
  if (part?.content !== undefined) {
    const { metadata: _, ...content } = part.content(next, structuredClone(old));
    for (const key of Object.keys(next)) if (key !== 'metadata') delete next[key];
    Object.assign(next, content);
    return;
  }
  if (subresource === 'status' || part !== undefined) {
    for (const key of Object.keys(next)) {
      if (key !== 'status' && key !== 'metadata' && !(key in old)) delete next[key];
    }
    for (const key of Object.keys(old)) if (key !== 'status' && key !== 'metadata') next[key] = old[key];
    // Custom resources take no metadata from a status write at all.
    if (definition.typeName === undefined) next.metadata = structuredClone(old.metadata);
    return;
  }
  if (!definition.status || subresource !== '') return;
  if (old['status'] === undefined) delete next['status'];
  else next['status'] = structuredClone(old['status']);
}

function ownership(
  context: ApiContext,
  definition: ResourceDefinition,
  subresource: string,
  options: WriteOptions,
  sentFields: unknown,
  next: UnknownObject,
  old: UnknownObject,
): readonly ManagedFieldsEntry[] {
  // An empty list is the way to forget all ownership; leaving it out keeps what is known.
  if (Array.isArray(sentFields) && sentFields.length === 0) return [];
  const base = Array.isArray(sentFields) ? sentFields : old.metadata.managedFields;
  const carried = {
    ...next,
    metadata: { ...next.metadata, ...(base && { managedFields: base as unknown[] }) },
  };
  if (base === undefined) delete carried.metadata.managedFields;
  return afterUpdate(old, carried, definition.codec.schema, {
    manager: options.fieldManager,
    operation: 'Update',
    apiVersion: groupVersion(definition),
    // Scale writes carry no time, which keeps them at the top of the list.
    ...(subresource !== 'scale' && { time: rfc3339(context.clock.now()) }),
    ...(subresource !== '' && { subresource }),
  });
}

function withoutTimes(object: UnknownObject): unknown {
  const entries = (object.metadata.managedFields ?? []) as ManagedFieldsEntry[];
  return entries.map(({ time: _, ...entry }) => entry);
}

function specChanged(definition: ResourceDefinition, next: UnknownObject, old: UnknownObject): boolean {
  if (definition.typeName !== undefined) return !sameJson(next['spec'], old['spec']);
  const content = (object: UnknownObject): unknown => {
    const { metadata: _m, apiVersion: _a, kind: _k, status, ...rest } = object;
    return definition.status ? rest : { ...rest, status };
  };
  return !sameJson(content(next), content(old));
}

/** Stores the object, or removes it when a deletion waited for this change. Undefined after a lost race. */
async function write(
  context: ApiContext,
  definition: ResourceDefinition,
  options: WriteOptions,
  stored: StoredObject,
  next: UnknownObject,
): Promise<UnknownObject | undefined> {
  const stamped = { ...next, metadata: { ...next.metadata, resourceVersion: String(stored.revision) } };
  if (options.dryRun) return stamped;
  const storable = await definition.codec.toStorage(next);
  if (deletionIsComplete(definition, next)) {
    const removed = context.store.delete(stored.key, stored.revision, storable);
    if (removed === undefined) return undefined;
    definition.strategy.afterDelete?.(removed.object, context);
    return stamped;
  }
  const updated = context.store.update(stored.key, stored.revision, storable);
  return updated && inVersion(definition, updated.object);
}

/** A deletion began, nothing holds it up any more. */
export function deletionIsComplete(definition: ResourceDefinition, object: UnknownObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  return (
    deletionTimestamp !== undefined &&
    (deletionGracePeriodSeconds ?? 0) === 0 &&
    (finalizers ?? []).length === 0 &&
    (definition.strategy.readyToRemove?.(object) ?? true)
  );
}
