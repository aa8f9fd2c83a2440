// Runs a tier of tests under the pinned Node: `node scripts/run-tests.mjs unit [filter …]`.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pinnedNode } from './node.mjs';

const root = new URL('..', import.meta.url).pathname;
const [tier = 'unit', ...filters] = process.argv.slice(2);
const FOLDERS = {
  unit: ['packages', 'apps', 'mappers'],
  component: ['tests/component'],
  e2e: ['tests/e2e'],
  faults: ['tests/faults'],
};

function* tests(folder) {
  for (const entry of readdirSync(folder)) {
    if (entry === 'node_modules' || entry === 'dist' || entry === 'generated') continue;
    const path = join(folder, entry);
    if (statSync(path).isDirectory()) yield* tests(path);
    else if (path.endsWith('.test.ts')) yield path;
  }
}

const folders = FOLDERS[tier];
if (folders === undefined) {
  console.error(`unknown tier ${tier}; one of ${Object.keys(FOLDERS).join(', ')}`);
  process.exit(2);
}
const files = folders
  .flatMap((folder) => [...tests(join(root, folder))])
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort();
if (files.length === 0) {
  console.error(`no test of tier ${tier} matches ${filters.join(' ')}`);
  process.exit(1);
}
const concurrency = tier === 'unit' ? [] : ['--test-concurrency=1'];
const result = spawnSync(
  pinnedNode(),
  ['--test', '--test-reporter=spec', '--test-timeout=600000', ...concurrency, ...files],
  { stdio: 'inherit', cwd: root },
);
process.exit(result.status ?? 1);
