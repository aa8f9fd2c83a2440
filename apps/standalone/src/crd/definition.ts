import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import type {
  Codec,
  Column,
  JsonObject,
  ResourceDefinition,
  ScalePaths,
  Strategy,
  Verb,
} from '../registry/types.ts';
import { decodeTyped } from '../schema/decode-typed.ts';
import { ageColumn, nameColumn } from '../table/column.ts';
import { ageOf } from '../table/duration.ts';
import type { Converter } from './conversion.ts';
import type { CustomResource, CustomVersion } from './crd-object.ts';
import { parseJsonPath } from './json-path.ts';
import { applyDefaults, prune, type Structural, structuralFieldSchema } from './structural-schema.ts';
import { validateSchema } from './validate-schema.ts';

const VERBS: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];
/** Without a schema nothing is known, so nothing is dropped. */
const OPEN: Structural = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** The served resources of a CustomResourceDefinition, one per version. */
export function customDefinitions(resource: CustomResource, convert: Converter): ResourceDefinition[] {
  return resource.versions
    .filter((version) => version.served)
    .map((version) => customDefinition(resource, version, convert));
}

function customDefinition(
  resource: CustomResource,
  version: CustomVersion,
  convert: Converter,
): ResourceDefinition {
  const schema = version.schema ?? OPEN;
  const scale = version.scale && scalePaths(version.scale);
  return {
    group: resource.group,
    version: version.name,
    plural: resource.plural,
    singular: resource.singular,
    kind: resource.kind,
    listKind: resource.listKind,
    namespaced: resource.namespaced,
    shortNames: resource.shortNames,
    categories: resource.categories,
    verbs: resource.deleting ? VERBS.filter((verb) => verb !== 'create') : VERBS,
    storage: `${resource.plural}.${resource.group}`,
    codec: customCodec(resource, version.name, schema, convert),
    strategy: customStrategy(schema),
    status: version.status,
    ...(scale && { scale }),
    columns: customColumns(version.columns),
    ...(version.selectableFields.length > 0 && { fieldSelectors: selectors(version.selectableFields) }),
    strategic: false,
    openApiSchema: schema,
  };
}

function customCodec(
  resource: CustomResource,
  version: string,
  schema: Structural,
  convert: Converter,
): Codec {
  return {
    decode(body) {
      const dropped: string[] = [];
      const object = prune(body, schema, dropped) as JsonObject;
      const sent = object['metadata'];
      if (sent !== undefined && sent !== null && !isRecord(sent)) {
        return {
          object,
          unknownFields: [],
          mismatch: `json: cannot unmarshal ${typeof sent} into Go struct field .metadata of type v1.ObjectMeta`,
        };
      }
      const metadata = decodeTyped('meta/v1.ObjectMeta', isRecord(sent) ? sent : {});
      const unknownFields = [...dropped, ...metadata.unknownFields.map((field) => `metadata.${field}`)];
      return {
        object: { ...object, metadata: metadata.value },
        unknownFields: unknownFields.sort(),
        ...(metadata.mismatch !== undefined && { mismatch: metadata.mismatch }),
      };
    },
    schema: structuralFieldSchema(schema),
    fromStorage: (objects) => convert(objects, version),
    toStorage(object) {
      const converted = convert([object], resource.storageVersion);
      return converted instanceof Promise
        ? converted.then(([first]) => first ?? object)
        : (converted[0] ?? object);
    },
  };
}

function customStrategy(schema: Structural): Strategy {
  return {
    generation: true,
    nameRule: 'subdomain',
    defaults: (object) => applyDefaults(object, schema),
    validate: (object) => validateSchema(object, schema),
    validateStatus: (object) => validateSchema(object, schema),
  };
}

function customColumns(declared: readonly JsonObject[]): readonly Column[] {
  if (declared.length === 0) return [nameColumn, ageColumn];
  return [nameColumn, ...declared.map(printerColumn)];
}

function printerColumn(declared: JsonObject): Column {
  const path = String(declared['jsonPath'] ?? '');
  const type = String(declared['type'] ?? 'string') as Column['type'];
  const read = parseJsonPath(path);
  return {
    name: String(declared['name'] ?? ''),
    type,
    ...(typeof declared['format'] === 'string' && { format: declared['format'] }),
    description: String(
      declared['description'] ?? `Custom resource definition column (in JSONPath format): ${path}`,
    ),
    priority: typeof declared['priority'] === 'number' && declared['priority'] > 0 ? 1 : 0,
    cell(object, nowMs) {
      const found = read?.(object) ?? [];
      if (found.length === 0) return null;
      return cellOf(found, type, nowMs);
    },
  };
}

function cellOf(found: readonly unknown[], type: Column['type'], nowMs: number) {
  const [first] = found;
  switch (type) {
    case 'integer':
    case 'number':
      return typeof first === 'number' ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    case 'date':
      return ageOf(first, nowMs);
    default:
      return found.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(',');
  }
}

function scalePaths(scale: JsonObject): ScalePaths {
  const path = (name: string): string[] =>
    String(scale[name] ?? '')
      .split('.')
      .filter((part) => part !== '');
  const selector = path('labelSelectorPath');
  return {
    specReplicas: path('specReplicasPath'),
    statusReplicas: path('statusReplicasPath'),
    selector(object) {
      if (selector.length === 0) return undefined;
      const value = selector.reduce<unknown>((at, field) => (isRecord(at) ? at[field] : undefined), object);
      return typeof value === 'string' ? value : undefined;
    },
  };
}

function selectors(paths: readonly string[]): Record<string, (object: UnknownObject) => string> {
  return Object.fromEntries(
    paths.map((path) => {
      const read = parseJsonPath(path);
      return [path.replace(/^\./, ''), (object: UnknownObject) => String(read?.(object)[0] ?? '')];
    }),
  );
}
