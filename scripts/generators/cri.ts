// Writes packages/cri/src/generated from the field tables in packages/cri/src/fields.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateProtobuf } from './protobuf.ts';

const output = process.argv[2] ?? 'packages/cri/src/generated';
mkdirSync(output, { recursive: true });
writeFileSync(
  join(output, 'messages.ts'),
  generateProtobuf({
    tables: readFileSync(new URL('../../packages/cri/src/fields.md', import.meta.url), 'utf8'),
    source: 'fields.md',
    generator: 'scripts/generators/cri.ts',
    packageName: 'runtime.v1',
    methods: 'CriMethods',
  }),
);
