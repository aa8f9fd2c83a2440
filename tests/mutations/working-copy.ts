import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SCOPE = '@kubeedge-ts';
const SOURCES = ['packages', 'apps', 'mappers', 'tests'];

/**
 * A copy of the sources below `target` whose packages find each other there, and everything else in the checkout's
 * `node_modules`.
 */
export function makeWorkingCopy(root: string, target: string): void {
  mkdirSync(target, { recursive: true });
  for (const folder of SOURCES) cpSync(join(root, folder), join(target, folder), { recursive: true });
  cpSync(join(root, 'package.json'), join(target, 'package.json'));
  const modules = join(target, 'node_modules');
  mkdirSync(join(modules, SCOPE), { recursive: true });
  for (const entry of readdirSync(join(root, 'node_modules'))) {
    if (entry !== SCOPE) symlinkSync(join(root, 'node_modules', entry), join(modules, entry));
  }
  for (const kind of ['packages', 'apps', 'mappers']) {
    for (const folder of readdirSync(join(target, kind))) {
      const { name } = JSON.parse(readFileSync(join(target, kind, folder, 'package.json'), 'utf8'));
      symlinkSync(join(target, kind, folder), join(modules, name));
    }
  }
}

/** Gives a file of the copy another text; the returned function gives it back its own. */
export function replaceText(copy: string, file: string, change: (text: string) => string): () => void {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, change(text));
  return () => writeFileSync(path, text);
}
