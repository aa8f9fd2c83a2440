import { readFileSync } from 'node:fs';

type Files = Readonly<Record<string, string>>;

const FIXTURES = new URL('../../../../../../tests/fixtures/cgroups/', import.meta.url);
const CONTAINER = '/kubepods/burstable/podu/c1';

/**
 * Trees as kernels gave them (tests/fixtures/cgroups/README.md), by path below the mount point: a container with 200m CPU
 * and 64Mi in a burstable pod, which has written and read 3 MiB, was throttled, and lost a process for want of memory.
 */
export const V1_TREE = filesOf('linux-6.18-v1.json');
export const V2_TREE = filesOf('linux-6.1-v2.json');

/** The container's files of v1, by `<controller>/<file>`. */
export const V1_CONTAINER: Files = Object.fromEntries(
  Object.entries(V1_TREE)
    .filter(([path]) => path.includes(`${CONTAINER}/`))
    .map(([path, content]) => [path.replace(CONTAINER, '').slice(1), content]),
);

/** The container's files of v2, by name. */
export const V2_CONTAINER: Files = Object.fromEntries(
  Object.entries(V2_TREE)
    .filter(([path]) => path.startsWith(`${CONTAINER}/`))
    .map(([path, content]) => [path.slice(CONTAINER.length + 1), content]),
);

function filesOf(name: string): Files {
  return (JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8')) as { files: Files }).files;
}
