import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tool } from './tool.ts';

/** Disks and partitions of this machine. All reject with the tool's words. */
export interface BlockDevices {
  /** What the device holds: the type of its file system; undefined: nothing, it may be formatted. */
  fileSystemOf(device: string): Promise<string | undefined>;
  /** Repairs what can be repaired without asking. */
  check(device: string): Promise<void>;
  /** Makes a file system; all that was there is lost. */
  format(device: string, type: string): Promise<void>;
  /** Lets go of loop devices upon this file, as an upstream kubelet makes them to hold a block volume. */
  detachLoops(file: string): Promise<void>;
}

const FORMAT_TIMEOUT_MS = 600_000;
/** `blkid -p` found nothing at all. */
const NOTHING_FOUND = 2;
/** `fsck` has repaired; has not; these and no others say something about the file system. */
const REPAIRED = 1;
const NOT_REPAIRED = 4;
const FLAGS: Record<string, readonly string[]> = {
  ext2: ['-F'],
  ext3: ['-F', '-m0'],
  ext4: ['-F', '-m0'],
  xfs: ['-f'],
};

export const systemBlockDevices: BlockDevices = {
  async fileSystemOf(device) {
    const args = ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device];
    const { code, stdout } = await tool('blkid', args, { accept: [NOTHING_FOUND] });
    if (code === NOTHING_FOUND) return undefined;
    const found = new Map(stdout.split('\n').map((line) => line.split('=', 2) as [string, string]));
    // A partition table is somebody's data: never formatted.
    return found.get('TYPE') ?? (found.has('PTTYPE') ? 'a partition table' : undefined);
  },
  async check(device) {
    const { code, stdout } = await tool('fsck', ['-a', device], {
      accept: [REPAIRED, NOT_REPAIRED, 8],
      timeoutMs: FORMAT_TIMEOUT_MS,
    });
    if (code === NOT_REPAIRED)
      throw new Error(`'fsck' found errors on device ${device} but could not correct them: ${stdout}`);
  },
  async format(device, type) {
    if (!/^[a-z0-9]+$/.test(type)) throw new Error(`no file system has the name ${type}`);
    await tool(`mkfs.${type}`, [...(FLAGS[type] ?? []), device], { timeoutMs: FORMAT_TIMEOUT_MS });
  },
  async detachLoops(file) {
    for (const name of await readdir('/sys/block')) {
      if (!name.startsWith('loop')) continue;
      const backing = await readFile(join('/sys/block', name, 'loop/backing_file'), 'utf8').catch(() => '');
      if (backing.trimEnd() === file) await tool('losetup', ['-d', join('/dev', name)]);
    }
  },
};
