import type { UnknownObject } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { afterUpdate, type ManagedFieldsEntry } from '../patch/managed-fields.ts';
import { groupVersion, type ResourceDefinition } from '../registry/types.ts';
import { alreadyExists, badRequest, forbidden, notFound } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { checkNamespace, decodeObject } from './decode-body.ts';
import { type FieldError, invalidObject } from './field-error.ts';
import { createMetadata, generatedName, validateMetadata } from './metadata.ts';
import { inVersion, storeKey } from './stored.ts';
import { type WriteOptions, writeOptions } from './write-options.ts';

/** POST of a collection. */
export async function handleCreate(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { definition, info } = request;
  if (info.name !== '') throw badRequest('the name of a new object belongs into its metadata');
  if (definition.namespaced && info.namespace === '') {
    throw badRequest('an empty namespace may not be set during creation');
  }
  const options = writeOptions(request.query, request.header('user-agent'), 'CreateOptions');
  const decoded = decodeObject(
    await request.body(),
    request.header('content-type'),
    definition,
    options.fieldValidation,
  );
  checkNamespace(decoded.object, definition.namespaced ? info.namespace : '');
  if (decoded.object.metadata.resourceVersion) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  const object = await createObject(context, definition, info.namespace, decoded.object, options);
  return { status: 201, body: object, warnings: decoded.warnings };
}

/** Everything between a decoded new object and its stored form. `fields` overrides the computed field ownership. */
export async function createObject(
  context: ApiContext,
  definition: ResourceDefinition,
  namespace: string,
  sent: UnknownObject,
  options: WriteOptions,
  fields?: readonly ManagedFieldsEntry[],
): Promise<UnknownObject> {
  const { strategy } = definition;
  const now = rfc3339(context.clock.now());
  const object = structuredClone(sent);
  checkNamespaceLifecycle(context, definition, namespace, object);
  if (object.metadata.name === '' && object.metadata.generateName) {
    object.metadata.name = generatedName(object.metadata.generateName, context.random);
  }
  object.metadata = createMetadata(object.metadata, {
    name: object.metadata.name,
    ...(definition.namespaced && { namespace }),
    uid: context.random.uuid(),
    ...(strategy.generation && { generation: 1 }),
    creationTimestamp: now,
  });
  strategy.defaults?.(object);
  const owned = fields ?? ownership(definition, object, options, now);
  if (owned.length > 0) object.metadata.managedFields = [...owned];
  strategy.admit?.(object, context);
  setInitialStatus(definition, object);
  strategy.prepareForCreate?.(object, context);
  const errors: FieldError[] = [
    ...validateMetadata(object.metadata, strategy.nameRule, definition.namespaced),
    ...(strategy.validate?.(object) ?? []),
  ];
  if (errors.length > 0) throw invalidObject(definition.group, definition.kind, object.metadata.name, errors);

  const key = storeKey(definition, namespace, object.metadata.name);
  if (context.store.get(key) !== undefined) throw alreadyExists(definition, object.metadata.name);
  if (options.dryRun) return object;
  const stored = context.store.create(key, await definition.codec.toStorage(object));
  if (stored === undefined) throw alreadyExists(definition, object.metadata.name);
  strategy.afterCreate?.(stored.object, context);
  return inVersion(definition, stored.object);
}

function ownership(
  definition: ResourceDefinition,
  object: UnknownObject,
  options: WriteOptions,
  time: string,
): readonly ManagedFieldsEntry[] {
  const { status: _status, ...rest } = object;
  const visible = definition.status && definition.strategy.initialStatus !== 'keep' ? rest : object;
  return afterUpdate(undefined, visible, definition.codec.schema, {
    manager: options.fieldManager,
    operation: 'Update',
    apiVersion: groupVersion(definition),
    time,
  });
}

function setInitialStatus(definition: ResourceDefinition, object: UnknownObject): void {
  const { initialStatus } = definition.strategy;
  if (initialStatus === 'keep') return;
  if (initialStatus !== undefined) object['status'] = initialStatus(object);
  else if (definition.status) delete object['status'];
}

/** Nothing is created in a namespace that is absent or on its way out. */
function checkNamespaceLifecycle(
  context: ApiContext,
  definition: ResourceDefinition,
  namespace: string,
  object: UnknownObject,
): void {
  if (!definition.namespaced) return;
  const found = context.store.get({ resource: 'namespaces', namespace: '', name: namespace });
  if (found === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace);
  if (found.object.metadata.deletionTimestamp === undefined) return;
  throw forbidden(
    definition,
    object.metadata.name,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}
