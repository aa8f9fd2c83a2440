import type { JsonObject, ResourceDefinition } from '../registry/types.ts';
import { elementOf, fieldsOf, type TypeExpression } from '../schema/kube-types.ts';
import { listSemantics } from '../schema/list-semantics.ts';

const META = 'meta/v1.ObjectMeta';

/** `core/v1.Pod` → `io.k8s.api.core.v1.Pod`. */
export function openApiName(type: string): string {
  const [path = '', name = ''] = type.split('.');
  const [group, version] = path.split('/');
  if (group === 'meta') return `io.k8s.apimachinery.pkg.apis.meta.${version}.${name}`;
  if (group === 'apiextensions')
    return `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.${version}.${name}`;
  if (group === 'metrics') return `io.k8s.metrics.pkg.apis.metrics.${version}.${name}`;
  return `io.k8s.api.${group}.${version}.${name}`;
}

/** OpenAPI schemas of these types and everything they refer to. */
export function typeSchemas(types: readonly string[], prefix: string): JsonObject {
  const schemas: JsonObject = {};
  const waiting = [...types, META];
  for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
    const name = openApiName(type);
    const fields = fieldsOf(type);
    if (schemas[name] !== undefined || fields === undefined) continue;
    const required = [...fields.values()].filter((field) => field.required).map((field) => field.name);
    const properties = [...fields.values()].map((field) => {
      const schema = expressionSchema(field.type, prefix, (referred) => waiting.push(referred));
      return [field.name, { ...schema, ...mergeMarkers(`${type}.${field.name}`) }];
    });
    schemas[name] = {
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length > 0 && { required }),
    };
  }
  return schemas;
}

function mergeMarkers(path: string): JsonObject {
  const { mergeKey, patch, listType, keys } = listSemantics(path);
  if (patch === 'replace' && listType === 'atomic') return {};
  return {
    ...(mergeKey !== undefined && { 'x-kubernetes-patch-merge-key': mergeKey }),
    ...(patch !== 'replace' && {
      'x-kubernetes-patch-strategy':
        patch === 'merge' ? 'merge' : mergeKey ? 'merge,retainKeys' : 'retainKeys',
    }),
    ...(listType !== 'atomic' && { 'x-kubernetes-list-type': listType }),
    ...(listType === 'map' && { 'x-kubernetes-list-map-keys': keys }),
  };
}

function expressionSchema(type: TypeExpression, prefix: string, refer: (type: string) => void): JsonObject {
  const element = elementOf(type);
  if (element !== undefined) {
    const inner = expressionSchema(element, prefix, refer);
    return type.startsWith('[')
      ? { type: 'array', items: inner }
      : { type: 'object', additionalProperties: inner };
  }
  switch (type) {
    case 's':
    case 'q':
      return { type: 'string' };
    case 'b':
      return { type: 'boolean' };
    case 'n':
      return { type: 'integer' };
    case 't':
    case 'u':
      return { type: 'string', format: 'date-time' };
    case 'is':
      return { type: 'string', format: 'int-or-string' };
    case '*':
      return { type: 'object' };
    default:
      refer(type);
      return { $ref: `${prefix}${openApiName(type)}` };
  }
}

/** The schema a CustomResourceDefinition gave, with the fields every object has. */
export function customSchema(definition: ResourceDefinition): JsonObject {
  const given = definition.openApiSchema ?? {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
  };
  const properties = (given['properties'] ?? {}) as JsonObject;
  return {
    ...given,
    properties: {
      ...properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
    },
  };
}
