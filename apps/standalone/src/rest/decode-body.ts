import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { groupVersion, type JsonObject, type ResourceDefinition } from '../registry/types.ts';
import { badRequest } from './api-error.ts';
import { parseObjectBody, requireDecodable } from './json-body.ts';
import { type FieldValidation, unknownFieldOutcome } from './write-options.ts';

export interface DecodedObject {
  readonly object: UnknownObject;
  readonly warnings: readonly string[];
}

/** Decodes the body of a create or update. @throws BadRequest, UnsupportedMediaType */
export function decodeObject(
  body: Buffer,
  contentType: string | undefined,
  definition: ResourceDefinition,
  validation: FieldValidation,
): DecodedObject {
  requireDecodable(contentType);
  const parsed = parseObjectBody(body, contentType, definition.kind);
  return decodeParsed(parsed, definition, validation);
}

/** As decodeObject, for a body that is parsed already. */
export function decodeParsed(
  parsed: JsonObject,
  definition: ResourceDefinition,
  validation: FieldValidation,
): DecodedObject {
  checkType(parsed, definition);
  const decoded = definition.codec.decode(parsed);
  const cannot = `${definition.kind} in version ${JSON.stringify(definition.version)} cannot be handled as a ${definition.kind}: `;
  if (decoded.mismatch !== undefined) throw badRequest(cannot + decoded.mismatch);
  const warnings = unknownFieldOutcome(
    decoded.unknownFields,
    validation,
    definition.typeName === undefined ? '' : cannot,
  );
  return { object: withMetadata(decoded.object, definition), warnings };
}

/** The type named in the body must be the one of the URL; both parts may be left out of built-in types. */
function checkType(parsed: JsonObject, definition: ResourceDefinition): void {
  const wanted = groupVersion(definition);
  const apiVersion = parsed['apiVersion'] ?? (definition.typeName === undefined ? undefined : wanted);
  const kind = parsed['kind'] ?? (definition.typeName === undefined ? undefined : definition.kind);
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || kind === '') {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${definition.kind}): Object 'Kind' is missing in '${JSON.stringify(parsed).slice(0, 512)}'`,
    );
  }
  if (apiVersion !== wanted) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${wanted})`,
    );
  }
  if (kind === definition.kind) return;
  if (definition.typeName === undefined) {
    throw badRequest(`unable to decode, kind ${kind} does not match the expected kind ${definition.kind}`);
  }
  const version = definition.version;
  throw badRequest(
    `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${definition.kind}: converting (${version}.${kind}) to (${definition.group === '' ? 'core' : definition.group.split('.')[0]}.${definition.kind}): unknown conversion`,
  );
}

function withMetadata(object: JsonObject, definition: ResourceDefinition): UnknownObject {
  const metadata = isRecord(object['metadata']) ? object['metadata'] : {};
  const { apiVersion: _a, kind: _k, metadata: _m, ...rest } = object;
  return {
    kind: definition.kind,
    apiVersion: groupVersion(definition),
    metadata: { ...metadata, name: String(metadata['name'] ?? '') },
    ...rest,
  };
}

/** Namespace of the URL and of the body must agree. */
export function checkNamespace(object: UnknownObject, namespace: string): void {
  const sent = object.metadata.namespace ?? '';
  if (sent === '' || sent === namespace) return;
  throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Name of the URL and of the body must agree. */
export function checkName(object: UnknownObject, name: string): void {
  if (object.metadata.name === name) return;
  if (object.metadata.name === '') {
    throw badRequest('name must be provided');
  }
  throw badRequest(
    `the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`,
  );
}
