import kubeTypes from './generated/kube-types.json' with { type: 'json' };

/**
 * The type of a field: `s` string, `b` boolean, `n` integer, `t` time, `u` micro time, `q` quantity, `is` integer or
 * string, `*` anything, `[T]` list, `{T}` map, or the name of a declared type such as `core/v1.PodSpec`.
 */
export type TypeExpression = string;

export interface FieldType {
  readonly name: string;
  readonly type: TypeExpression;
  /** Always written, also when empty. */
  readonly required: boolean;
}

const TABLE = kubeTypes as Readonly<Record<string, Readonly<Record<string, TypeExpression>>>>;

/** Fields newer than the declarations the table is generated from. */
const ADDED: Readonly<Record<string, Readonly<Record<string, TypeExpression>>>> = {
  'core/v1.Volume': { image: '*' },
  'core/v1.PodSecurityContext': { supplementalGroupsPolicy: 's' },
  'core/v1.NodeStatus': { features: '*' },
  'core/v1.ContainerStatus': { allocatedResourcesStatus: '*', user: '*' },
  'core/v1.NodeRuntimeHandlerFeatures': { userNamespaces: 'b' },
  'core/v1.ResourceClaim': { request: 's' },
  'apiextensions/v1.CustomResourceDefinitionVersion': { selectableFields: '*' },
  'coordination/v1.LeaseSpec': { strategy: 's', preferredHolder: 's' },
};

const fieldsByType = new Map<string, ReadonlyMap<string, FieldType>>();
for (const [type, declared] of Object.entries(TABLE)) {
  const fields = new Map<string, FieldType>();
  for (const [key, expression] of Object.entries({ ...declared, ...ADDED[type] })) {
    const required = key.endsWith('!');
    const name = required ? key.slice(0, -1) : key;
    fields.set(name, { name, type: expression, required });
  }
  fieldsByType.set(type, fields);
}

/** Fields of a declared type; undefined when the name declares none. */
export function fieldsOf(type: string): ReadonlyMap<string, FieldType> | undefined {
  return fieldsByType.get(type);
}

export function elementOf(type: TypeExpression): TypeExpression | undefined {
  return type.startsWith('[') || type.startsWith('{') ? type.slice(1, -1) : undefined;
}

/** `core/v1.PodSpec` → `PodSpec`; other expressions as Go would print them. */
export function goTypeName(type: TypeExpression): string {
  if (type.startsWith('[')) return `[]${goTypeName(type.slice(1, -1))}`;
  if (type.startsWith('{')) return `map[string]${goTypeName(type.slice(1, -1))}`;
  const names: Record<string, string> = {
    s: 'string',
    b: 'bool',
    n: 'int32',
    t: 'v1.Time',
    u: 'v1.MicroTime',
  };
  const [, version, name] = /\/(\w+)\.(\w+)$/.exec(type) ?? [];
  return names[type] ?? (name === undefined ? type : `${version}.${name}`);
}
