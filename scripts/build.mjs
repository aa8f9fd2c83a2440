// Builds one CJS bundle per program into dist/ (DESIGN §3). `node scripts/build.mjs [program …]`.
import { join } from 'node:path';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;

/** bundle name → entry file. A worker or a short-lived child is a bundle of its own, so it loads only what it needs. */
const BUNDLES = {
  cloudcore: 'apps/cloudcore/src/main.ts',
  edgecore: 'apps/edgecore/src/main.ts',
  'edgecore-enrol': 'apps/edgecore/src/edgehub/enrol-main.ts',
  'store-worker': 'packages/store/src/worker.ts',
  standalone: 'apps/standalone/src/main.ts',
  'mapper-virtual': 'mappers/virtual/src/main.ts',
};

const wanted = process.argv.slice(2);
for (const [name, entry] of Object.entries(BUNDLES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  await build({
    entryPoints: [join(root, entry)],
    outfile: join(root, 'dist', `${name}.cjs`),
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'cjs',
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
    banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': '__bundleUrl' },
    external: ['bufferutil', 'utf-8-validate'],
  });
}
