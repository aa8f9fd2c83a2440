// Dependencies point one way (DESIGN §4): apps → packages, mappers → packages/mapper-sdk; apps never import each
// other; no cycles; every import of a workspace package is declared in package.json.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const SCOPE = '@kubeedge-ts/';
const problems = [];

const members = ['packages', 'apps', 'mappers'].flatMap((kind) =>
  readdirSync(join(root, kind)).map((folder) => {
    const path = join(root, kind, folder);
    const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
    return { kind, folder, path, manifest, imports: new Map() };
  }),
);
const byName = new Map(members.map((member) => [member.manifest.name, member]));

function* sources(folder) {
  for (const entry of readdirSync(folder)) {
    if (entry === 'node_modules' || entry === 'dist') continue;
    const path = join(folder, entry);
    if (statSync(path).isDirectory()) yield* sources(path);
    else if (path.endsWith('.ts')) yield path;
  }
}

for (const member of members) {
  const declared = { ...member.manifest.dependencies, ...member.manifest.devDependencies };
  for (const file of sources(member.path)) {
    const text = readFileSync(file, 'utf8');
    const isTest = /\.test\.ts$|\/testing\//.test(file);
    for (const [, spec] of text.matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)) {
      const where = relative(root, file);
      if (spec.startsWith('.')) {
        const target = relative(root, join(file, '..', spec));
        if (
          !target.startsWith(`${member.kind}/${member.folder}/`) &&
          !(isTest && target.startsWith('tests/'))
        ) {
          problems.push(`${where}: relative import leaves the package: ${spec}`);
        }
        continue;
      }
      if (!spec.startsWith(SCOPE)) continue;
      const name = spec.split('/').slice(0, 2).join('/');
      const target = byName.get(name);
      if (target === undefined) problems.push(`${where}: unknown package ${name}`);
      else if (target === member) problems.push(`${where}: imports its own package by name`);
      else {
        if (!isTest) member.imports.set(name, where);
        if (declared[name] === undefined)
          problems.push(`${where}: ${name} is not in ${member.folder}/package.json`);
        if (target.kind === 'apps') problems.push(`${where}: ${name} is an app; apps are imported by nobody`);
        if (member.kind === 'packages' && target.kind !== 'packages')
          problems.push(`${where}: a package may import packages only`);
        if (member.kind === 'mappers' && target.manifest.name !== `${SCOPE}mapper-sdk`) {
          problems.push(`${where}: a mapper may import ${SCOPE}mapper-sdk only`);
        }
        if (!isTest && target.manifest.name === `${SCOPE}testing`)
          problems.push(`${where}: testing is for tests only`);
      }
    }
  }
}

const state = new Map();
function visit(name, trail) {
  if (state.get(name) === 'done') return;
  if (state.get(name) === 'open') {
    problems.push(`cycle: ${[...trail.slice(trail.indexOf(name)), name].join(' → ')}`);
    return;
  }
  state.set(name, 'open');
  for (const next of byName.get(name).imports.keys()) visit(next, [...trail, name]);
  state.set(name, 'done');
}
for (const name of byName.keys()) visit(name, []);

for (const problem of problems) console.error(problem);
console.log(`layering: ${members.length} packages, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
