// Runs a tier of tests under the pinned Node: `node scripts/run-tests.mjs unit|e2e [--full] [filter …]`.
// unit: `*.test.ts` beside the sources, nothing outside the process. e2e: `*.component.test.ts` (a program or a protocol
// with a real peer) and everything below tests/, in namespaces of their own; but tests/mutations, whose runner is
// tests/mutations/run.ts, belongs to unit.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { runIsolated } from './isolate.mjs';
import { pinnedNode } from './node.mjs';

const root = new URL('..', import.meta.url).pathname;
const FOLDERS = ['packages', 'apps', 'mappers', 'tests'];
const TESTS = join(root, 'tests/');
const MUTATIONS = join(root, 'tests/mutations/');
const isUnit = (file) =>
  file.startsWith(TESTS) ? file.startsWith(MUTATIONS) : !file.endsWith('.component.test.ts');
const TIERS = { unit: isUnit, e2e: (file) => !isUnit(file) };

function* tests(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder)) {
    if (entry === 'node_modules' || entry === 'dist' || entry === 'generated') continue;
    const path = join(folder, entry);
    if (statSync(path).isDirectory()) yield* tests(path);
    else if (path.endsWith('.test.ts')) yield path;
  }
}

const [tier = 'unit', ...rest] = process.argv.slice(2);
const full = rest.includes('--full');
const filters = rest.filter((argument) => argument !== '--full');
const belongs = TIERS[tier];
if (belongs === undefined) {
  console.error(`unknown tier ${tier}; one of ${Object.keys(TIERS).join(', ')}`);
  process.exit(2);
}
const files = FOLDERS.flatMap((folder) => [...tests(join(root, folder))])
  .filter(belongs)
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort();
if (files.length === 0) {
  console.error(`no test of tier ${tier} matches ${filters.join(' ')}`);
  process.exit(1);
}

const argv = ['--test', '--test-reporter=spec', '--test-timeout=600000'];
const env = { KUBEEDGE_TS_FULL: full ? '1' : (process.env.KUBEEDGE_TS_FULL ?? '') };
if (tier === 'unit') {
  // Node leaves one core to itself, half the machine on a small one; files that wait leave theirs to others.
  argv.push(`--test-concurrency=${availableParallelism() + 1}`);
  // hundreds of short processes: what each would strip of types and compile anew is kept
  const compileCache = join(root, 'node_modules', '.cache', 'node-compile');
  const result = spawnSync(pinnedNode(), [...argv, ...files], {
    stdio: 'inherit',
    cwd: root,
    env: { ...process.env, ...env, NODE_COMPILE_CACHE: compileCache },
  });
  process.exit(result.status ?? 1);
}
process.chdir(root);
process.exit(await runIsolated([pinnedNode(), ...argv, '--test-concurrency=1', ...files], { env }));
