import type { MountPoint } from './host.ts';

/** The content of `/proc/self/mountinfo` (proc(5)); lines that are none are left out. */
export function parseMountTable(text: string): MountPoint[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [, , device, root, path] = fields;
    if (dash === -1 || device === undefined || root === undefined || path === undefined) return [];
    return {
      path: unescaped(path),
      device,
      root: unescaped(root),
      type: fields[dash + 1] ?? '',
      source: unescaped(fields[dash + 2] ?? ''),
      shared: fields.slice(6, dash).some((field) => field.startsWith('shared:')),
    };
  });
}

/** The mount a path lies in: the deepest mount point above it, the newest of those at one place. */
export function mountOf(table: readonly MountPoint[], path: string): MountPoint | undefined {
  let found: MountPoint | undefined;
  for (const mount of table) {
    if (!isAtOrBelow(path, mount.path)) continue;
    if (found === undefined || mount.path.length >= found.path.length) found = mount;
  }
  return found;
}

export function isAtOrBelow(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith('/') ? dir : `${dir}/`);
}

/** Space, tab, newline and backslash are written as octal numbers; other bytes as they are. */
function unescaped(text: string): string {
  return text.includes('\\')
    ? text.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    : text;
}
