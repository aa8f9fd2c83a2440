// Finds the pinned Node; whatever Node runs this script.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** Path of the pinned Node binary. Throws with what to do when the platform package is missing. */
export function pinnedNode() {
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const binary = join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node');
    if (existsSync(binary)) return binary;
  } catch {
    // reported below
  }
  throw new Error(
    `package ${name} is not installed: run "npm ci" in the project's root (x64 and arm64 Linux only)`,
  );
}
