// Writes packages/cri/src/generated from the field tables in packages/cri/src/fields.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const output = process.argv[2] ?? 'packages/cri/src/generated';
const tables = readFileSync(new URL('../../packages/cri/src/fields.md', import.meta.url), 'utf8');

interface Field {
  number: number;
  name: string;
  type: string;
  repeated: boolean;
}

const SCALARS: Record<string, string> = {
  string: 'string',
  bytes: 'Uint8Array',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  uint32: 'number',
  uint64: 'number',
};
const STRING_MAP = 'map<string,string>';

const enums = new Map(
  [...tables.matchAll(/^- \*\*([\w.]+)\*\*: (.*)$/gm)].map(([, name, values]) => [
    (name ?? '').replace('SecurityProfile.', 'SecurityProfile'),
    (values ?? '').split(', ').map((pair) => pair.split('=') as [string, string]),
  ]),
);
/** The table names this enum by its scope; the field uses the short name. */
const ENUM_ALIASES: Record<string, string> = { ProfileType: 'SecurityProfileProfileType' };

const messages = new Map(
  [...tables.matchAll(/^\*\*(\w+)\*\*: (.*)$/gm)].map(([, name, fields]) => [
    name ?? '',
    fields === '(empty)' ? [] : (fields ?? '').split('; ').map(parseField),
  ]),
);
const services = [...tables.matchAll(/^## Service `(\w+)`\n\n((?:- .*\n)+)/gm)].map(([, service, lines]) => ({
  service: service ?? '',
  methods: [...(lines ?? '').matchAll(/`(\w+)\((\w+)\) -> (stream )?(\w+)`/g)].map(
    ([, method, request, stream, response]) => ({ method, request, response, stream: stream !== undefined }),
  ),
}));

function parseField(text: string): Field {
  const [number, name, type, label] = text.split(' ');
  if (number === undefined || name === undefined || type === undefined)
    throw new Error(`not a field: ${text}`);
  return {
    number: Number(number),
    name: camel(name),
    type: ENUM_ALIASES[type] ?? type,
    repeated: label === 'repeated',
  };
}

function camel(name: string): string {
  const plain = name === 'CDI_devices' ? 'cdi_devices' : name;
  return plain.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function typeOf({ type }: Field): string {
  if (type === STRING_MAP) return 'Record<string, string>';
  if (enums.has(type)) return type;
  if (SCALARS[type] !== undefined) return SCALARS[type];
  if (messages.has(type)) return type;
  throw new Error(`unknown type ${type}`);
}

const lines: string[] = [
  '// Generated from fields.md by scripts/generators/cri.ts; do not edit.',
  "import type { FieldTable } from '../codec.ts';",
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
lines.push('};', '', '/** Request and response of every unary method. */', 'export interface CriMethods {');
const unary = services.flatMap(({ service, methods }) =>
  methods.filter(({ stream }) => !stream).map((method) => ({ service, ...method })),
);
for (const { method, request, response } of unary) {
  lines.push(`  ${method}: { request: ${request}; response: ${response} };`);
}
lines.push(
  '}',
  '',
  '/** method → service, request, response. */',
  'export const METHODS: Record<keyof CriMethods, readonly [string, string, string]> = {',
);
for (const { service, method, request, response } of unary) {
  lines.push(`  ${method}: ['${service}', '${request}', '${response}'],`);
}
lines.push('};');
mkdirSync(output, { recursive: true });
writeFileSync(join(output, 'messages.ts'), `${lines.join('\n')}\n`);
