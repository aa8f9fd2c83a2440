import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import type { JsonObject, ScalePaths } from '../registry/types.ts';
import { decodeTyped } from '../schema/decode-typed.ts';
import { typedSchema } from '../schema/field-schema.ts';
import { badRequest, methodNotAllowed } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { invalid, invalidObject } from './field-error.ts';
import { parseObjectBody, parsePatchBody } from './json-body.ts';
import { applyPatch, patchKind } from './patch.ts';
import { inVersion, requireStored } from './stored.ts';
import { updateObject } from './update.ts';
import { writeOptions } from './write-options.ts';

const SCALE_TYPE = 'autoscaling/v1.Scale';

/** GET, PUT and PATCH of the scale subresource: replicas of anything that has them, as `autoscaling/v1` Scale. */
export async function handleScale(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { definition, info } = request;
  const paths = definition.scale!;
  if (info.verb === 'get') {
    const stored = requireStored(context.store, definition, info);
    return { status: 200, body: scaleOf(await inVersion(definition, stored.object), paths) };
  }
  if (info.verb !== 'update' && info.verb !== 'patch') throw methodNotAllowed();
  const body = await request.body();
  const contentType = request.header('content-type');
  const options = writeOptions(
    request.query,
    request.header('user-agent'),
    info.verb === 'update' ? 'UpdateOptions' : 'PatchOptions',
  );
  const wantedScale = (current: UnknownObject): JsonObject => {
    if (info.verb === 'update') return parseObjectBody(body, contentType, 'Scale');
    const kind = patchKind(contentType, true);
    if (kind === 'apply') throw badRequest('apply is not supported on the scale subresource');
    const codec = { ...definition.codec, schema: typedSchema(SCALE_TYPE) };
    const patched = applyPatch(kind, scaleOf(current, paths), parsePatchBody(body, false), { codec });
    if (!isRecord(patched)) throw badRequest('the patch does not leave an object');
    return patched;
  };
  const object = await updateObject(context, request, options, (current) => {
    const { value: scale, mismatch } = decodeTyped(SCALE_TYPE, wantedScale(current));
    if (mismatch !== undefined) {
      throw badRequest(`Scale in version "v1" cannot be handled as a Scale: ${mismatch}`);
    }
    return { object: withReplicas(current, scale, paths, info.name) };
  });
  return { status: 200, body: scaleOf(object, paths) };
}

function scaleOf(object: UnknownObject, paths: ScalePaths): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace && { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: numberAt(object, paths.specReplicas) },
    status: {
      replicas: numberAt(object, paths.statusReplicas),
      ...(selector && { selector }),
    },
  };
}

function numberAt(object: unknown, path: readonly string[]): number {
  const value = path.reduce<unknown>((at, field) => (isRecord(at) ? at[field] : undefined), object);
  return typeof value === 'number' ? value : 0;
}

function withReplicas(
  current: UnknownObject,
  scale: JsonObject,
  paths: ScalePaths,
  name: string,
): UnknownObject {
  const spec = isRecord(scale['spec']) ? scale['spec'] : {};
  const replicas = typeof spec['replicas'] === 'number' ? spec['replicas'] : 0;
  if (replicas < 0) {
    throw invalidObject('autoscaling', 'Scale', name, [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const metadata = isRecord(scale['metadata']) ? scale['metadata'] : {};
  const next = structuredClone(current);
  if (typeof metadata['resourceVersion'] === 'string' && metadata['resourceVersion'] !== '') {
    next.metadata.resourceVersion = metadata['resourceVersion'];
  }
  let at: JsonObject = next;
  for (const field of paths.specReplicas.slice(0, -1)) {
    if (!isRecord(at[field])) at[field] = {};
    at = at[field] as JsonObject;
  }
  at[paths.specReplicas.at(-1)!] = replicas;
  return next;
}
