import { mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { identityOf } from './labels.ts';
import { podLogDirectory } from './sandbox-config.ts';

const MAX_LINK_NAME = 255;

/** The log directories of pods, and the links to the logs that log shippers look for (spec/edged.md §3.4). */
export interface PodLogs {
  prepare(pod: Pod, container: string): Promise<void>;
  /** The number of the next run according to the logs that are there: for when the runtime remembers nothing. */
  nextAttempt(pod: Pod, container: string): Promise<number>;
  link(pod: Pod, container: string, attempt: number, containerId: string): Promise<void>;
  removePod(uid: string): Promise<void>;
  /** Removes the log of one run, its rotated parts and its link. */
  removeRun(pod: Pod, container: string, attempt: number): Promise<void>;
  /** Removes the directories of pods that `isKnown` does not know by uid. */
  removeUnknown(isKnown: (uid: string) => boolean): Promise<void>;
}

export function createPodLogs(podLogsDir: string): PodLogs {
  const linksDir = join(dirname(podLogsDir), 'containers');
  const directory = (pod: Pod, container: string): string =>
    join(podLogDirectory(podLogsDir, pod), container);
  /** By uid: of a pod that is only a left-over directory nothing else is known. */
  const removeWhere = async (goes: (uid: string) => boolean): Promise<void> => {
    for (const name of await readdir(podLogsDir).catch(() => [])) {
      const uid = uidOf(name);
      if (uid !== undefined && goes(uid)) await rm(join(podLogsDir, name), { recursive: true, force: true });
    }
    for (const link of await readdir(linksDir).catch(() => [])) {
      const target = await readlink(join(linksDir, link)).catch(() => '');
      if (!target.startsWith(`${podLogsDir}/`)) continue;
      const uid = uidOf(target.slice(podLogsDir.length + 1).split('/')[0] ?? '');
      if (uid !== undefined && goes(uid)) await rm(join(linksDir, link), { force: true });
    }
  };
  return {
    async prepare(pod, container) {
      await mkdir(directory(pod, container), { recursive: true, mode: 0o755 });
    },
    async nextAttempt(pod, container) {
      const names = await readdir(directory(pod, container)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
      return (
        Math.max(
          -1,
          ...names.flatMap((name) => (/^(\d+)\.log/.test(name) ? [Number.parseInt(name, 10)] : [])),
        ) + 1
      );
    },
    async link(pod, container, attempt, containerId) {
      const { name, namespace } = identityOf(pod);
      const tail = `-${containerId}.log`;
      const base = `${name}_${namespace}_${container}`.slice(0, MAX_LINK_NAME - tail.length);
      await mkdir(linksDir, { recursive: true });
      const path = join(linksDir, `${base}${tail}`);
      await rm(path, { force: true });
      await symlink(join(directory(pod, container), `${attempt}.log`), path);
    },
    async removeRun(pod, container, attempt) {
      const dir = directory(pod, container);
      for (const name of await readdir(dir).catch(() => [])) {
        if (name === `${attempt}.log` || name.startsWith(`${attempt}.log.`)) {
          await rm(join(dir, name), { force: true });
        }
      }
      for (const link of await readdir(linksDir).catch(() => [])) {
        const target = await readlink(join(linksDir, link)).catch(() => '');
        if (target === join(dir, `${attempt}.log`)) await rm(join(linksDir, link), { force: true });
      }
    },
    removePod: (uid) => removeWhere((owner) => owner === uid),
    removeUnknown: (isKnown) => removeWhere((owner) => !isKnown(owner)),
  };
}

/** `<namespace>_<name>_<uid>` */
function uidOf(directory: string): string | undefined {
  return /^[^_]+_[^_]+_([\w.-]+)$/.exec(directory)?.[1];
}
