import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { applyJsonPatch, applyMergePatch } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { applyConfig } from '../patch/server-side-apply.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import { groupVersion, type JsonObject, type ResourceDefinition } from '../registry/types.ts';
import { apiError, badRequest, tooLarge, unsupportedMediaType, unsupportedPatch } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { createObject } from './create.ts';
import { checkName, checkNamespace, decodeParsed } from './decode-body.ts';
import { invalid, invalidObject } from './field-error.ts';
import { parsePatchBody } from './json-body.ts';
import { storeKey } from './stored.ts';
import { updateObject } from './update.ts';
import { type WriteOptions, writeOptions } from './write-options.ts';

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply';

const KINDS: Readonly<Record<string, PatchKind>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
  'application/apply-patch+json': 'apply',
};
const CUSTOM_RESOURCE_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/apply-patch+yaml',
];
const MAX_JSON_PATCH_OPERATIONS = 10_000;

/** Kind of a patch by its content type. @throws UnsupportedMediaType */
export function patchKind(contentType: string | undefined, strategic: boolean): PatchKind {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (kind === undefined) throw unsupportedMediaType();
  if (kind === 'strategic' && !strategic) throw unsupportedPatch(CUSTOM_RESOURCE_TYPES);
  return kind;
}

/** PATCH of an object or its status. */
export async function handlePatch(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { definition } = request;
  const kind = patchKind(request.header('content-type'), definition.strategic);
  const options = writeOptions(request.query, request.header('user-agent'), 'PatchOptions', kind === 'apply');
  const body = parsePatchBody(await request.body(), kind === 'apply');
  if (kind === 'apply') return handleApply(context, request, body, options);

  const warnings = new Set<string>();
  const object = await updateObject(context, request, options, (current) => {
    const patched = applyPatch(kind, current, body, definition);
    const decoded = decodePatched(patched, definition, options, body);
    for (const warning of decoded.warnings) warnings.add(warning);
    return { object: decoded.object };
  });
  return { status: 200, body: object, warnings: [...warnings] };
}

/** The patched document. @throws BadRequest, Invalid */
export function applyPatch(
  kind: Exclude<PatchKind, 'apply'>,
  current: JsonObject,
  patch: unknown,
  definition: Pick<ResourceDefinition, 'codec'>,
): unknown {
  if (kind === 'json') return appliedJsonPatch(current, patch);
  if (!isRecord(patch)) throw badRequest('error decoding patch: json: cannot unmarshal into a map');
  if (kind === 'merge') return applyMergePatch(current, patch);
  return strategicMerge(current, patch, definition.codec.schema);
}

function appliedJsonPatch(current: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    );
  }
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) throw tooLarge(MAX_JSON_PATCH_OPERATIONS);
  try {
    return applyJsonPatch(current, patch);
  } catch (error) {
    if (!isKubeEdgeError(error, 'KUBE_PATCH_INVALID')) throw error;
    throw apiError({
      code: 422,
      reason: 'Invalid',
      message: 'the server rejected our request due to an error in our request',
      details: {},
    });
  }
}

function decodePatched(
  patched: unknown,
  definition: ResourceDefinition,
  options: WriteOptions,
  patch: unknown,
) {
  if (!isRecord(patched)) throw badRequest('the patch does not leave an object');
  const decoded = decodeParsed(
    patched,
    definition,
    options.fieldValidation === 'Strict' ? 'Warn' : options.fieldValidation,
  );
  if (options.fieldValidation === 'Strict' && decoded.warnings.length > 0) {
    throw invalidObject('', '', '', [
      invalid('patch', JSON.stringify(patch), `strict decoding error: ${decoded.warnings.join(', ')}`),
    ]);
  }
  return decoded;
}

async function handleApply(
  context: ApiContext,
  request: ApiRequest,
  body: unknown,
  options: WriteOptions,
): Promise<ApiResponse> {
  const { definition, info } = request;
  if (!isRecord(body)) throw badRequest('error decoding YAML: the document is no object');
  const { object: config, warnings } = decodeParsed(body, definition, options.fieldValidation);
  if (config.metadata.name === '') config.metadata.name = info.name;
  checkName(config, info.name);
  checkNamespace(config, definition.namespaced ? info.namespace : '');
  if (Array.isArray(config.metadata.managedFields)) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const writer = {
    manager: options.fieldManager,
    operation: 'Apply' as const,
    apiVersion: groupVersion(definition),
    time: rfc3339(context.clock.now()),
    ...(info.subresource !== '' && { subresource: info.subresource }),
  };
  const merge = (live: UnknownObject | undefined) => {
    const result = applyConfig(live, config, definition.codec.schema, writer, options.force);
    if ('conflicts' in result) throw applyConflict(result.conflicts);
    return { object: result.object as UnknownObject, managedFields: result.managedFields };
  };
  const exists = context.store.get(storeKey(definition, info.namespace, info.name)) !== undefined;
  if (exists || info.subresource !== '') {
    const object = await updateObject(context, request, options, (live) => {
      const merged = merge(live);
      // The version of the config is a precondition; without one the newest object is meant.
      const { resourceVersion: _, ...metadata } = merged.object.metadata;
      const version = config.metadata.resourceVersion;
      return {
        ...merged,
        object: { ...merged.object, metadata: { ...metadata, ...(version && { resourceVersion: version }) } },
      };
    });
    return { status: 200, body: object, warnings };
  }
  const { managedFields } = merge(undefined);
  const object = await createObject(context, definition, info.namespace, config, options, managedFields);
  return { status: 201, body: object, warnings };
}

function applyConflict(conflicts: readonly { readonly message: string; readonly field: string }[]) {
  const groups = new Map<string, string[]>();
  for (const { message, field } of conflicts) groups.set(message, [...(groups.get(message) ?? []), field]);
  const texts = [...groups].map(([message, fields]) =>
    fields.length === 1
      ? `${message}: ${fields[0]}`
      : `${message.replace(/^conflict /, 'conflicts ')}:\n${fields.map((field) => `- ${field}`).join('\n')}`,
  );
  const plural = conflicts.length === 1 ? '1 conflict' : `${conflicts.length} conflicts`;
  return apiError({
    code: 409,
    reason: 'Conflict',
    message: `Apply failed with ${plural}: ${texts.join('\n')}`,
    details: {
      causes: conflicts.map(({ message, field }) => ({ reason: 'FieldManagerConflict', message, field })),
    },
  });
}
