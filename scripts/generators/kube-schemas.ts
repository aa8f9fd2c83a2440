// Turns the declarations of the package kubernetes-types into the field table that standalone decodes, validates,
// patches and describes built-in types with: `node kube-schemas.ts OUTPUT.json`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const GROUPS = [
  'api/resource',
  'apiextensions/v1',
  'apps/v1',
  'authentication/v1',
  'authorization/v1',
  'autoscaling/v1',
  'batch/v1',
  'certificates/v1',
  'coordination/v1',
  'core/v1',
  'discovery/v1',
  'events/v1',
  'meta/v1',
  'policy/v1',
  'rbac/v1',
  'scheduling/v1',
  'storage/v1',
];

/** Types whose content is not described by their declaration; anything is accepted there. */
const OPAQUE = new Set([
  'JSON',
  'JSONSchemaProps',
  'JSONSchemaPropsOrArray',
  'JSONSchemaPropsOrBool',
  'JSONSchemaPropsOrStringArray',
  'RawExtension',
  'FieldsV1',
  'Patch',
]);
const SCALARS: Record<string, string> = {
  string: 's',
  boolean: 'b',
  number: 'n',
  Time: 't',
  MicroTime: 'u',
  Quantity: 'q',
};

const root = dirname(createRequire(import.meta.url).resolve('kubernetes-types/package.json'));

function typeExpression(text: string, scope: ReadonlyMap<string, string>): string {
  const array = /^Array<(.+)>$/.exec(text) ?? /^(.+)\[\]$/.exec(text);
  if (array?.[1]) return `[${typeExpression(array[1], scope)}]`;
  if (/^["']/.test(text)) return 's';
  if (text === 'number | string' || text === 'string | number') return 'is';
  if (OPAQUE.has(text)) return '*';
  const scalar = SCALARS[text];
  if (scalar) return scalar;
  const full = scope.get(text);
  if (full === undefined) throw new Error(`unknown type ${text}`);
  return full;
}

const types: Record<string, Record<string, string>> = {};
const sources = new Map(GROUPS.map((group) => [group, readFileSync(join(root, `${group}.d.ts`), 'utf8')]));

for (const [group, text] of sources) {
  const scope = new Map<string, string>();
  for (const [, names, from] of text.matchAll(/^import \{ (.+) \} from "(.+)";$/gm)) {
    const target = join(dirname(group), from ?? '').replace(/\.d$/, '');
    for (const name of (names ?? '').split(', ')) scope.set(name, `${target}.${name}`);
  }
  for (const [, name] of text.matchAll(/^export interface (\w+) \{/gm)) scope.set(name!, `${group}.${name}`);

  let current: Record<string, string> | undefined;
  let mapField: string | undefined;
  let comment = false;
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (comment || trimmed.startsWith('/*')) {
      comment = !trimmed.endsWith('*/');
      continue;
    }
    const opened = /^export interface (\w+) \{$/.exec(line);
    if (opened?.[1]) {
      current = OPAQUE.has(opened[1]) ? undefined : {};
      if (current) types[`${group}.${opened[1]}`] = current;
      continue;
    }
    if (!current) continue;
    const entry = /^\[name: string\]: (.+);$/.exec(trimmed);
    if (entry?.[1] && mapField) {
      current[mapField] = `{${typeExpression(entry[1], scope)}}`;
      continue;
    }
    const field = /^(?:readonly )?["']?([\w$-]+)["']?(\?)?: (.+)$/.exec(trimmed);
    if (!field) continue;
    const key = `${field[1]}${field[2] ? '' : '!'}`;
    if (field[3] === '{') mapField = key;
    else current[key] = typeExpression(field[3]!.replace(/;$/, ''), scope);
  }
}

const output = process.argv[2];
if (output === undefined) throw new Error('usage: kube-schemas.ts OUTPUT.json');
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, `${JSON.stringify(types, null, 1)}\n`);
