// TypeScript types and codec tables from a field table (packages/*/src/**/fields*.md). Not a generator by itself.

export interface ProtobufSource {
  /** The field table's text. */
  readonly tables: string;
  /** How the generated file calls its source. */
  readonly source: string;
  readonly generator: string;
  /** Of all services, such as `runtime.v1`. */
  readonly packageName: string;
  /** Name of the interface of methods; default: `<Service>Methods`, and `<SERVICE>_METHODS`, per service. */
  readonly methods?: string;
}

interface Field {
  readonly number: number;
  readonly name: string;
  readonly type: string;
  readonly repeated: boolean;
}

interface Method {
  readonly service: string;
  readonly method: string;
  readonly request: string;
  readonly response: string;
  readonly stream: boolean;
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 'string',
  bytes: 'Uint8Array',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  uint32: 'number',
  uint64: 'number',
};
const STRING_MAP = 'map<string,string>';

export function generateProtobuf({
  tables,
  source,
  generator,
  packageName,
  methods,
}: ProtobufSource): string {
  const enums = new Map(
    [...tables.matchAll(/^- \*\*([\w.]+)\*\*: (.*)$/gm)].map(([, name = '', values = '']) => [
      flat(name),
      values.split(', ').map((pair) => pair.split('=') as [string, string]),
    ]),
  );
  /** A field may name a nested enum by its last part. */
  const aliases = new Map(
    [...tables.matchAll(/^- \*\*(\w+)\.(\w+)\*\*/gm)].map(([, scope = '', name = '']) => [
      name,
      scope + name,
    ]),
  );
  const messages = new Map(
    [...tables.matchAll(/^\*\*([\w.]+)\*\*: (.*)$/gm)].map(([, name = '', fields = '']) => [
      flat(name),
      fields === '(empty)' ? [] : fields.split('; ').map((field) => parseField(field, aliases)),
    ]),
  );
  const all = [...tables.matchAll(/^#+ Service `(\w+)`\n\n((?:- .*\n)+)/gm)].flatMap(
    ([, service = '', lines = '']) => parseMethods(service, lines),
  );

  const typeOf = ({ type }: Field): string => {
    if (type === STRING_MAP) return 'Record<string, string>';
    const known = SCALARS[type] ?? (enums.has(type) || messages.has(type) ? type : undefined);
    if (known === undefined) throw new Error(`${source}: unknown type ${type}`);
    return known;
  };

  const imports = all.length > 0 ? '{ FieldTable, MethodTable }' : '{ FieldTable }';
  const lines: string[] = [
    `// Generated from ${source} by ${generator}; do not edit.`,
    `import type ${imports} from '@kubeedge-ts/grpc';`,
  ];
  for (const [name, values] of enums) {
    lines.push('', `export const ${name} = {`);
    for (const [key, value] of values) lines.push(`  ${key}: ${value},`);
    lines.push('} as const;', `export type ${name} = number;`);
  }
  for (const [name, fields] of messages) {
    lines.push('', `export interface ${name} {`);
    for (const field of fields) {
      const optional = !field.repeated && messages.has(field.type) ? '?' : '';
      lines.push(`  ${field.name}${optional}: ${typeOf(field)}${field.repeated ? '[]' : ''};`);
    }
    lines.push('}');
  }
  lines.push(
    '',
    '/** Per message: field number, name, type, and whether it is repeated. */',
    'export const TABLES: Record<string, FieldTable> = {',
  );
  for (const [name, fields] of messages) {
    const row = fields.map((field) => {
      const type = enums.has(field.type) ? 'int32' : field.type === STRING_MAP ? 'map' : field.type;
      return `[${field.number}, '${field.name}', '${type}'${field.repeated ? ', true' : ''}]`;
    });
    lines.push(`  ${name}: [${row.join(', ')}],`);
  }
  lines.push('};');
  if (methods !== undefined) lines.push(...methodLines(packageName, methods, 'METHODS', all));
  else {
    for (const service of new Set(all.map((method) => method.service))) {
      const own = all.filter((method) => method.service === service);
      lines.push(...methodLines(packageName, `${service}Methods`, `${upperSnake(service)}_METHODS`, own));
    }
  }
  return `${lines.join('\n')}\n`;
}

function methodLines(packageName: string, type: string, table: string, methods: readonly Method[]): string[] {
  const lines = ['', `export interface ${type} {`];
  for (const { method, request, response, stream } of methods) {
    lines.push(
      `  ${method}: { request: ${request}; response: ${response}${stream ? '; stream: true' : ''} };`,
    );
  }
  lines.push('}', '', `export const ${table}: MethodTable<${type}> = {`);
  for (const { service, method, request, response, stream } of methods) {
    const row = [`${packageName}.${service}`, request, response, ...(stream ? ['stream'] : [])];
    lines.push(`  ${method}: [${row.map((part) => `'${part}'`).join(', ')}],`);
  }
  lines.push('};');
  return lines;
}

function parseField(text: string, aliases: ReadonlyMap<string, string>): Field {
  const [number, name, type, label] = text.split(' ');
  if (number === undefined || name === undefined || type === undefined)
    throw new Error(`not a field: ${text}`);
  return {
    number: Number(number),
    name: camel(name),
    type: type.startsWith('map<') ? type : (aliases.get(type) ?? flat(type)),
    repeated: label === 'repeated',
  };
}

function parseMethods(service: string, lines: string): Method[] {
  return [...lines.matchAll(/`(\w+)\((\w+)\) -> (stream )?(\w+)`/g)].map(
    ([, method = '', request = '', stream, response = '']) => ({
      service,
      method,
      request,
      response,
      stream: stream !== undefined,
    }),
  );
}

/** `VolumeCapability.MountVolume` → `VolumeCapabilityMountVolume`; well-known types by their last part. */
function flat(name: string): string {
  return name.replace(/^google\.protobuf\./, '').replaceAll('.', '');
}

function camel(name: string): string {
  const plain = name === 'CDI_devices' ? 'cdi_devices' : name;
  return plain.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function upperSnake(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}
