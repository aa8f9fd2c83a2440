import { randomInt } from 'node:crypto';
import {
  chmod,
  lchown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Payload } from './payload.ts';

const DATA = '..data';
const DATA_NEW = '..data_tmp';

/** Group and extra mode bits of everything written, for `fsGroup`. */
export interface Ownership {
  readonly gid: number;
}

/**
 * Makes the directory show exactly the payload, in one step for whoever reads it: files live in a dated directory
 * behind the link `..data`, and replacing that link changes all of them at once (spec/edged.md §12.3).
 * Resolves with whether anything was written.
 */
export async function writeAtomically(
  dir: string,
  payload: Payload,
  now: number,
  ownership?: Ownership,
): Promise<boolean> {
  const old = await readlink(join(dir, DATA)).catch(notThere);
  if (old !== undefined && (await shows(join(dir, old), payload, ownership))) {
    await linkVisible(dir, payload);
    return false;
  }
  const fresh = `..${stamp(now)}.${randomInt(1_000_000_000)}`;
  try {
    await writeFiles(join(dir, fresh), payload, ownership);
  } catch (error) {
    // A full disk: what was there stays visible, and tries do not pile up.
    await rm(join(dir, fresh), { recursive: true, force: true });
    throw error;
  }
  await rm(join(dir, DATA_NEW), { force: true });
  await symlink(fresh, join(dir, DATA_NEW));
  await rename(join(dir, DATA_NEW), join(dir, DATA));
  await linkVisible(dir, payload);
  await removeStale(dir, payload, fresh);
  return true;
}

async function writeFiles(root: string, payload: Payload, ownership: Ownership | undefined): Promise<void> {
  await mkdir(root, { mode: 0o755 });
  await own(root, 0o755, undefined, ownership, true);
  const made = new Set<string>();
  for (const [path, { content, mode, uid }] of payload) {
    for (const parent of parentsOf(path)) {
      if (made.has(parent)) continue;
      made.add(parent);
      await mkdir(join(root, parent), { recursive: true });
      await own(join(root, parent), 0o755, undefined, ownership, true);
    }
    const file = join(root, path);
    await writeFile(file, content, { mode: 0o600, flag: 'wx' });
    await own(file, mode, uid, ownership, false);
  }
}

async function own(
  path: string,
  mode: number,
  uid: number | undefined,
  ownership: Ownership | undefined,
  directory: boolean,
): Promise<void> {
  if (uid !== undefined || ownership !== undefined) {
    const current = await lstat(path);
    await lchown(path, uid ?? current.uid, ownership?.gid ?? current.gid);
  }
  await chmod(path, modeWith(mode, ownership, directory));
}

function modeWith(mode: number, ownership: Ownership | undefined, directory: boolean): number {
  if (ownership === undefined) return mode;
  return directory ? mode | 0o2550 : mode | 0o440;
}

/** Whether the dated directory holds exactly these files. */
async function shows(root: string, payload: Payload, ownership: Ownership | undefined): Promise<boolean> {
  const present = await filesBelow(root);
  if (present.length !== payload.size) return false;
  for (const path of present) {
    const wanted = payload.get(path);
    if (wanted === undefined) return false;
    const file = join(root, path);
    const { mode, size } = await stat(file);
    if ((mode & 0o7777) !== modeWith(wanted.mode, ownership, false) || size !== wanted.content.length)
      return false;
    if (!wanted.content.equals(await readFile(file))) return false;
  }
  return true;
}

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true }).catch(notThere);
  return (entries ?? [])
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

async function linkVisible(dir: string, payload: Payload): Promise<void> {
  for (const name of visibleNames(payload)) {
    const link = join(dir, name);
    const target = join(DATA, name);
    if ((await readlink(link).catch(notThere)) === target) continue;
    await rm(link, { recursive: true, force: true });
    await symlink(target, link);
  }
}

async function removeStale(dir: string, payload: Payload, fresh: string): Promise<void> {
  const keep = new Set([...visibleNames(payload), DATA, fresh]);
  for (const name of await readdir(dir)) {
    if (!keep.has(name)) await rm(join(dir, name), { recursive: true, force: true });
  }
}

function visibleNames(payload: Payload): Set<string> {
  return new Set([...payload.keys()].map((path) => path.split('/')[0] as string));
}

function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) parents.unshift(parent);
  return parents;
}

function stamp(now: number): string {
  return new Date(now).toISOString().slice(0, 19).replace(/[-T:]/g, '_');
}

/** EINVAL: there is something, but it is no link. */
function notThere(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'EINVAL' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
