// Regenerates everything that is generated; `--check` fails when that changes a committed file.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pinnedNode } from './node.mjs';

const root = new URL('..', import.meta.url).pathname;
/** generator → what it writes; called as `node GENERATOR OUTPUT`. */
const GENERATORS = [
  { script: 'scripts/generators/error-docs.ts', output: 'docs/errors.md' },
  { script: 'scripts/generators/crds.ts', output: 'deploy/crds' },
  { script: 'scripts/generators/cri.ts', output: 'packages/cri/src/generated' },
  { script: 'scripts/generators/kubelet-plugins.ts', output: 'packages/kubelet-plugins/src/generated' },
  {
    script: 'scripts/generators/kube-schemas.ts',
    output: 'apps/standalone/src/schema/generated/kube-types.json',
  },
];

const checking = process.argv.includes('--check');

function* files(path) {
  if (!existsSync(path)) return;
  if (statSync(path).isFile()) yield path;
  else for (const entry of readdirSync(path)) yield* files(join(path, entry));
}
const snapshot = (base) =>
  new Map([...files(base)].map((file) => [relative(base, file), readFileSync(file, 'utf8')]));

let stale = 0;
for (const { script, output } of GENERATORS) {
  if (!existsSync(join(root, script))) continue;
  const scratch = checking ? mkdtempSync(join(tmpdir(), 'kubeedge-generate-')) : undefined;
  const target = scratch ? join(scratch, 'out') : join(root, output);
  const run = spawnSync(pinnedNode(), [join(root, script), target], { stdio: 'inherit', cwd: root });
  if (run.status !== 0) process.exit(run.status ?? 1);
  if (scratch) {
    const [fresh, committed] = [snapshot(target), snapshot(join(root, output))];
    for (const name of new Set([...fresh.keys(), ...committed.keys()])) {
      if (fresh.get(name) !== committed.get(name)) {
        console.error(`${join(output, name)} is stale: run "npm run generate"`);
        stale += 1;
      }
    }
    rmSync(scratch, { recursive: true, force: true });
  }
}
process.exit(stale === 0 ? 0 : 1);
