// Builds one CJS bundle per program into dist/ (DESIGN §3): `node scripts/build.mjs [program …]`, default all.
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;

/**
 * program → its bundles. A worker thread or a short-lived child is a bundle of its own, so that it loads only what it
 * needs. The program's own bundle comes last: when it is fresh, so are the others.
 */
const PROGRAMS = {
  cloudcore: { cloudcore: 'apps/cloudcore/src/main.ts' },
  edgecore: {
    'store-worker': 'packages/store/src/worker.ts',
    'edgecore-enrol': 'apps/edgecore/src/edgehub/enrol-main.ts',
    'edgecore-config': 'apps/edgecore/src/config-main.ts',
    'edgecore-manifest': 'apps/edgecore/src/edged/static/manifest-main.ts',
    edgecore: 'apps/edgecore/src/main.ts',
  },
  standalone: { standalone: 'apps/standalone/src/main.ts' },
  'mapper-virtual': { 'mapper-virtual': 'mappers/virtual/src/main.ts' },
};

/**
 * Builtins that a library requires at its top and edgecore hardly ever uses: loaded at the first use of a property.
 *
 * @type {import('esbuild').Plugin}
 */
const lazyBuiltins = {
  name: 'lazy-builtins',
  setup(pluginBuild) {
    pluginBuild.onResolve({ filter: /^(node:)?zlib$/ }, ({ path, namespace }) =>
      namespace === 'lazy-builtin'
        ? undefined
        : { path: path.replace(/^node:/, ''), namespace: 'lazy-builtin' },
    );
    pluginBuild.onLoad({ filter: /.*/, namespace: 'lazy-builtin' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => process.getBuiltinModule('${path}')[name] });`,
      loader: 'js',
    }));
  },
};

const wanted = process.argv.slice(2);
for (const [program, bundles] of Object.entries(PROGRAMS)) {
  if (wanted.length > 0 && !wanted.includes(program)) continue;
  for (const [name, entry] of Object.entries(bundles)) {
    const outfile = join(root, 'dist', `${name}.cjs`);
    await build({
      entryPoints: [join(root, entry)],
      outfile: `${outfile}.new`,
      bundle: true,
      platform: 'node',
      target: 'node26',
      format: 'cjs',
      minifySyntax: true,
      minifyWhitespace: true,
      minifyIdentifiers: program === 'edgecore',
      legalComments: 'none',
      logLevel: 'warning',
      banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
      define: { 'import.meta.url': '__bundleUrl' },
      plugins: program === 'edgecore' ? [lazyBuiltins] : [],
      external: ['bufferutil', 'utf-8-validate'],
    });
    // one character beyond ASCII makes V8 keep the whole source in two bytes each: a megabyte for an agent
    const odd = readFileSync(`${outfile}.new`).findIndex((byte) => byte > 127);
    if (odd !== -1) throw new Error(`${name} has a character beyond ASCII at byte ${odd}: write it as \\u…`);
    // a program that starts meanwhile sees the old bundle or the new one, never half of one
    renameSync(`${outfile}.new`, outfile);
  }
}
