// Writes docs/errors.md from the catalogue.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as catalogue from '../../packages/errors/src/catalogue/index.ts';

const output = process.argv[2] ?? 'docs/errors.md';
const lines = [
  '# Errors',
  '',
  'Generated from `packages/errors/src/catalogue` by `npm run generate`; do not edit. Every error the programs raise has a stable code.',
];
for (const [name, area] of Object.entries(catalogue)) {
  const entries = Object.entries(area.definitions as Record<string, { message: string; advice: string }>);
  if (entries.length === 0) continue;
  lines.push('', `## ${name.replace(/Errors$/, '')}`, '', '| code | message | what to do |', '|---|---|---|');
  for (const [code, { message, advice }] of entries) {
    lines.push(`| \`${code}\` | ${message.replaceAll('|', '\\|')} | ${advice.replaceAll('|', '\\|')} |`);
  }
}
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, `${lines.join('\n')}\n`);
