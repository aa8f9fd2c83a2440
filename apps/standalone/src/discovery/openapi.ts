import { createHash } from 'node:crypto';
import type { Registry } from '../registry/registry.ts';
import type { JsonObject, ResourceDefinition } from '../registry/types.ts';
import { customSchema, openApiName, typeSchemas } from './openapi-schemas.ts';

const INFO = { title: 'Kubernetes', version: 'v1.31.0' };

const QUERY = (name: string): JsonObject => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
});
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/apply-patch+yaml',
];

/** `api/v1` or `apis/group/version`. */
function basePath({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

function groupVersions(registry: Registry): { group: string; version: string }[] {
  return [
    { group: '', version: 'v1' },
    ...registry.groups().flatMap(({ group, versions }) => versions.map((version) => ({ group, version }))),
  ];
}

/** The index at /openapi/v3: one document per group version, with a hash that changes with its content. */
export function openApiV3Index(registry: Registry): JsonObject {
  const paths = groupVersions(registry).map((gv) => {
    const document = JSON.stringify(openApiV3Document(registry, gv.group, gv.version));
    const hash = createHash('sha512').update(document).digest('hex').toUpperCase();
    return [basePath(gv), { serverRelativeURL: `/openapi/v3/${basePath(gv)}?hash=${hash}` }];
  });
  return { paths: Object.fromEntries(paths) };
}

/** The OpenAPI v3 document of a group version; undefined when nothing is served there. */
export function openApiV3Document(
  registry: Registry,
  group: string,
  version: string,
): JsonObject | undefined {
  const definitions = registry.resources(group, version);
  if (definitions.length === 0) return undefined;
  return {
    openapi: '3.0.0',
    info: INFO,
    paths: Object.fromEntries(definitions.flatMap((definition) => pathsOf(definition, 'v3'))),
    components: { schemas: schemasOf(definitions, '#/components/schemas/') },
  };
}

/** The Swagger 2 document at /openapi/v2: everything in one. */
export function openApiV2Document(registry: Registry): JsonObject {
  const definitions = registry.all();
  return {
    swagger: '2.0',
    info: INFO,
    paths: Object.fromEntries(definitions.flatMap((definition) => pathsOf(definition, 'v2'))),
    definitions: schemasOf(definitions, '#/definitions/'),
  };
}

/** As clients ask for it, and as it is answered: the former is no valid media type. */
export const OPENAPI_PROTOBUF_ASKED = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
export const OPENAPI_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/**
 * The Swagger 2 document as kubectl reads it (gnostic's openapi.v2.Document), without schemas: kubectl's own validation
 * then leaves every object to the server, which validates it as it writes. Without the form, kubectl refuses a `List`.
 */
export function openApiV2Protobuf(): Buffer {
  const field = (number: number, content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  const info = [field(1, Buffer.from(INFO.title)), field(2, Buffer.from(INFO.version))];
  const [swagger, paths, definitions] = [1, 8, 9];
  return Buffer.concat([
    field(swagger, Buffer.from('2.0')),
    field(2, Buffer.concat(info)),
    field(paths, Buffer.alloc(0)),
    field(definitions, Buffer.alloc(0)),
  ]);
}

function schemasOf(definitions: readonly ResourceDefinition[], prefix: string): JsonObject {
  const types = definitions.flatMap((definition) => definition.typeName ?? []);
  const schemas: JsonObject = typeSchemas(types, prefix);
  for (const definition of definitions) {
    const gvk = { group: definition.group, version: definition.version, kind: definition.kind };
    if (definition.typeName === undefined) {
      schemas[customName(definition)] = {
        ...customSchema(definition),
        'x-kubernetes-group-version-kind': [gvk],
      };
    } else {
      const name = openApiName(definition.typeName);
      schemas[name] = { ...(schemas[name] as JsonObject), 'x-kubernetes-group-version-kind': [gvk] };
    }
  }
  return schemas;
}

/** `com.example.v1.Thing` for `things.example.com`. */
function customName({ group, version, kind }: ResourceDefinition): string {
  return [...group.split('.').reverse(), version, kind].join('.');
}

/**
 * The operations of one object and its collection. What clients read from them: which types can be patched, and
 * that the server itself validates fields and runs dry.
 */
function pathsOf(definition: ResourceDefinition, form: 'v2' | 'v3'): [string, JsonObject][] {
  const gvk = { group: definition.group, version: definition.version, kind: definition.kind };
  const scope = definition.namespaced ? '/namespaces/{namespace}' : '';
  const collection = `/${basePath(definition)}${scope}/${definition.plural}`;
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map(form === 'v3' ? QUERY : swaggerQuery);
  const types = definition.strategic
    ? [...PATCH_TYPES, 'application/strategic-merge-patch+json']
    : PATCH_TYPES;
  const operation = (action: string, extra: JsonObject = {}): JsonObject => ({
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
    parameters,
    responses: { '200': { description: 'OK' } },
    ...extra,
  });
  const patchBody =
    form === 'v3'
      ? { requestBody: { content: Object.fromEntries(types.map((type) => [type, {}])), required: true } }
      : { consumes: types };
  const supports = (verb: ResourceDefinition['verbs'][number]): boolean => definition.verbs.includes(verb);
  const paths: [string, JsonObject][] = [
    [
      collection,
      {
        ...(supports('list') && { get: operation('list') }),
        ...(supports('create') && { post: operation('post') }),
      },
    ],
  ];
  if (!supports('get')) return paths;
  paths.push([
    `${collection}/{name}`,
    {
      get: operation('get'),
      ...(supports('update') && { put: operation('put') }),
      ...(supports('patch') && { patch: operation('patch', patchBody) }),
      ...(supports('delete') && { delete: operation('delete') }),
    },
  ]);
  return paths;
}

function swaggerQuery(name: string): JsonObject {
  return { name, in: 'query', type: 'string', uniqueItems: true };
}

/** The group version a document path such as `apis/apps/v1` means. */
export function parseDocumentPath(path: string): { group: string; version: string } | undefined {
  const core = /^api\/([^/]+)$/.exec(path);
  if (core?.[1]) return { group: '', version: core[1] };
  const named = /^apis\/([^/]+)\/([^/]+)$/.exec(path);
  return named?.[1] && named[2] ? { group: named[1], version: named[2] } : undefined;
}
