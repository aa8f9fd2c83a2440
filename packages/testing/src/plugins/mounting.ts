import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { NodePublishVolumeRequest, NodeStageVolumeRequest } from '@kubeedge-ts/kubelet-plugins/csi';

const run = promisify(execFile);

/** What a CSI driver does to paths; each may be repeated. */
export interface Mounting {
  stage(request: NodeStageVolumeRequest): Promise<void>;
  unstage(path: string): Promise<void>;
  publish(request: NodePublishVolumeRequest): Promise<void>;
  unpublish(path: string): Promise<void>;
}

async function isMounted(path: string): Promise<boolean> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.some((line) => line.split(' ')[4]?.replaceAll('\\040', ' ') === path);
}

async function unmount(path: string): Promise<void> {
  if (await isMounted(path)) await run('umount', [path]);
}

const tmpfs: Mounting = {
  async stage({ volumeId, stagingTargetPath }) {
    await mkdir(stagingTargetPath, { recursive: true });
    if (!(await isMounted(stagingTargetPath))) {
      await run('mount', ['-t', 'tmpfs', volumeId, stagingTargetPath]);
      await writeFile(join(stagingTargetPath, 'volume'), volumeId);
    }
  },
  unstage: unmount,
  async publish({ volumeId, stagingTargetPath, targetPath, readonly }) {
    await mkdir(targetPath, { recursive: true });
    if (await isMounted(targetPath)) return;
    if (stagingTargetPath === '') await run('mount', ['-t', 'tmpfs', volumeId, targetPath]);
    else await run('mount', ['--bind', stagingTargetPath, targetPath]);
    if (readonly) await run('mount', ['-o', 'remount,bind,ro', targetPath]);
  },
  async unpublish(path) {
    await unmount(path);
    await rmdir(path).catch(() => undefined);
  },
};

const files: Mounting = {
  async stage({ volumeId, stagingTargetPath }) {
    await mkdir(stagingTargetPath, { recursive: true });
    await writeFile(join(stagingTargetPath, 'volume'), volumeId);
  },
  async unstage(path) {
    await rm(join(path, 'volume'), { force: true });
  },
  async publish({ volumeId, targetPath, volumeCapability }) {
    if (volumeCapability?.block !== undefined) {
      await mkdir(dirname(targetPath), { recursive: true });
      await writeFile(targetPath, '');
      return;
    }
    await mkdir(targetPath, { recursive: true });
    await writeFile(join(targetPath, 'volume'), volumeId);
  },
  async unpublish(path) {
    await rm(path, { recursive: true, force: true });
  },
};

export const mountings = { tmpfs, files } as const;
