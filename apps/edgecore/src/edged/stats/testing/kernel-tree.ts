import type { KernelFiles } from '../kernel-files.ts';

/** Files of the kernel as a table: path → content; `-> target` for a link. */
export function kernelTree(files: Readonly<Record<string, string>>): KernelFiles & { reads: number } {
  const tree = {
    reads: 0,
    read(path: string) {
      tree.reads += 1;
      return files[path];
    },
    directories(path: string) {
      const below = `${path.replace(/\/$/, '')}/`;
      const names = Object.keys(files)
        .filter((name) => name.startsWith(below) && name.slice(below.length).includes('/'))
        .map((name) => name.slice(below.length).split('/')[0] as string);
      return [...new Set(names)];
    },
    count: (path: string) =>
      Object.keys(files).filter((name) => name.startsWith(`${path}/`)).length || undefined,
    link: (path: string) => (files[path]?.startsWith('-> ') ? files[path].slice(3) : undefined),
  };
  return tree;
}

/** `prefix` put before every path. */
export function below(
  prefix: string,
  files: Readonly<Record<string, string>>,
  separator = '/',
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, content]) => [`${prefix}${separator}${path}`, content]),
  );
}
