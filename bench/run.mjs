// Runs one benchmark in namespaces of its own: `node bench/run.mjs SCENARIO [--out FILE] [flags]`; prints JSON.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runIsolated } from '../scripts/isolate.mjs';
import { pinnedNode } from '../scripts/node.mjs';

const root = new URL('..', import.meta.url).pathname.replace(/\/$/, '');
const [scenario, ...flags] = process.argv.slice(2);
const file = join(root, 'bench', `${scenario}.ts`);
if (scenario === undefined || !existsSync(file)) {
  const known = readdirSync(join(root, 'bench'))
    .filter((name) => name.endsWith('.ts') && !name.startsWith('lib'))
    .map((name) => name.replace(/\.ts$/, ''));
  console.error(`usage: bin/bench SCENARIO [--out FILE]; scenarios: ${known.join(', ')}`);
  process.exit(2);
}
const out = flags.indexOf('--out');
const env = { KUBEEDGE_TS_ROOT: root };
if (out !== -1 && flags[out + 1]) {
  const target = resolve(flags[out + 1]);
  mkdirSync(join(target, '..'), { recursive: true });
  env.KUBEEDGE_TS_BENCH_OUT = target;
  flags.splice(out, 2);
}
process.exit(await runIsolated([pinnedNode(), file, ...flags], { env }));
