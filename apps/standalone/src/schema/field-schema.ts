import { elementOf, fieldsOf, type TypeExpression } from './kube-types.ts';
import { listSemantics } from './list-semantics.ts';

/**
 * What patches and field ownership must know about a value. `struct` has declared fields, `map` any string key,
 * `any` is undeclared content; everything else is a `leaf`.
 */
export interface FieldSchema {
  readonly kind: 'struct' | 'map' | 'list' | 'leaf' | 'any';
  /** Owned and replaced as a whole (server-side apply). */
  readonly atomic: boolean;
  /** Lists: how items are told apart by server-side apply; `keys` for `map`. */
  readonly listType: 'atomic' | 'set' | 'map';
  readonly keys: readonly string[];
  /** Lists: how a strategic merge patch treats them; without a key, `merge` is a union of primitives. */
  readonly patch: 'replace' | 'merge' | 'merge-retain-keys';
  readonly mergeKey: string | undefined;
  /** Go writes this field even when nothing set it, so that owning its content does not own the field itself. */
  readonly alwaysPresent: boolean;
  child(name: string): FieldSchema | undefined;
  element(): FieldSchema | undefined;
}

const LEAF: FieldSchema = {
  kind: 'leaf',
  atomic: true,
  listType: 'atomic',
  keys: [],
  patch: 'replace',
  mergeKey: undefined,
  alwaysPresent: false,
  child: () => undefined,
  element: () => undefined,
};

/** Content nobody declared: maps are granular, lists atomic. */
export const ANY_FIELD: FieldSchema = {
  ...LEAF,
  kind: 'any',
  atomic: false,
  child: () => ANY_FIELD,
  element: () => ANY_FIELD,
};

/** Structs Go embeds by value: present in every object of their type. */
const ALWAYS_PRESENT = new Set([
  'metadata',
  'spec',
  'status',
  'template',
  'strategy',
  'updateStrategy',
  'containers',
  'resources',
  'names',
  'acceptedNames',
  'nodeInfo',
  'daemonEndpoints',
  'kubeletEndpoint',
  'lastState',
  'state',
]);

/** Maps and structs that server-side apply treats as one value. */
const ATOMIC = new Set([
  'core/v1.PodSpec.nodeSelector',
  'core/v1.ServiceSpec.selector',
  'meta/v1.LabelSelector',
  'core/v1.ObjectReference',
  'core/v1.LocalObjectReference',
  'core/v1.SecretKeySelector',
  'core/v1.ConfigMapKeySelector',
  'core/v1.ObjectFieldSelector',
  'core/v1.ResourceFieldSelector',
  'core/v1.NodeSelector',
  'core/v1.NodeSelectorTerm',
  'core/v1.TypedLocalObjectReference',
  'core/v1.SecretReference',
  'rbac/v1.RoleRef',
  'rbac/v1.Subject',
]);

/** The schema of a declared type such as `core/v1.Pod`. */
export function typedSchema(type: string): FieldSchema {
  return schemaOf(type, '', '');
}

function schemaOf(type: TypeExpression, owner: string, field: string): FieldSchema {
  const path = `${owner}.${field}`;
  const alwaysPresent = ALWAYS_PRESENT.has(field);
  if (type === '*') return { ...ANY_FIELD, atomic: true, alwaysPresent };
  const element = elementOf(type);
  if (element !== undefined && type.startsWith('[')) {
    const semantics = listSemantics(path);
    return {
      ...LEAF,
      ...semantics,
      kind: 'list',
      atomic: semantics.listType === 'atomic',
      alwaysPresent,
      element: () => schemaOf(element, path, '[]'),
    };
  }
  if (element !== undefined) {
    const value = (): FieldSchema => schemaOf(element, path, '{}');
    return { ...LEAF, kind: 'map', atomic: ATOMIC.has(path), alwaysPresent, child: value };
  }
  const fields = fieldsOf(type);
  if (fields === undefined) return LEAF;
  return {
    ...LEAF,
    kind: 'struct',
    atomic: ATOMIC.has(type),
    patch: listSemantics(path).patch,
    alwaysPresent,
    child: (name) => {
      const declared = fields.get(name);
      return declared && schemaOf(declared.type, type, name);
    },
  };
}
