import { lookup } from 'node:dns/promises';
import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { type BlockDevices, systemBlockDevices } from './block-devices.ts';
import { parseMountTable } from './mount-table.ts';
import { tool } from './tool.ts';

export interface FileSystemFacts {
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** One line of the kernel's mount table. */
export interface MountPoint {
  readonly path: string;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** What of the file system is mounted: `/` unless it is a bind mount. */
  readonly root: string;
  readonly type: string;
  readonly source: string;
  /** Mounts made below it show up wherever else it is mounted. */
  readonly shared: boolean;
}

export interface MountRequest {
  readonly source: string;
  readonly target: string;
  /** Absent: `options` say it, as for a bind mount. */
  readonly type?: string;
  readonly options?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Mounts of this machine. All reject with the tool's words when the machine does not permit it, or after a minute. */
export interface Mounts {
  mount(request: MountRequest): Promise<void>;
  /** `force`: for a network file system whose server is gone. */
  unmount(path: string, options?: { readonly force?: boolean }): Promise<void>;
  /** Mounts made at this mount point or below it propagate from now on. */
  makeShared(path: string): Promise<void>;
  table(): Promise<readonly MountPoint[]>;
}

/** The machine edged runs on, as a port. */
export interface Host {
  /** Content of a small file; undefined when it is not there. */
  readText(path: string): Promise<string | undefined>;
  /** Names in a directory; empty when it is not there. */
  list(path: string): Promise<readonly string[]>;
  statfs(path: string): Promise<FileSystemFacts>;
  /** Number of the file system a path lies on. */
  deviceOf(path: string): Promise<number>;
  readonly hostname: string;
  /** Kubernetes' name of the processor: `amd64`, `arm64` … */
  readonly architecture: string;
  readonly cpuCount: number;
  interfaces(): Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  /** Addresses of a name; empty when it has none. */
  resolve(name: string): Promise<readonly string[]>;
  readonly mounts: Mounts;
  readonly blockDevices: BlockDevices;
}

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' };

export const systemHost: Host = {
  readText: (path) => readFile(path, 'utf8').catch(absent(undefined)),
  list: (path) => readdir(path).catch(absent([])),
  async statfs(path) {
    const { bsize, blocks, bavail, files, ffree } = await statfs(path);
    return { totalBytes: bsize * blocks, availableBytes: bsize * bavail, inodes: files, inodesFree: ffree };
  },
  deviceOf: async (path) => (await stat(path)).dev,
  hostname: hostname().toLowerCase(),
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
  cpuCount: cpus().length || availableParallelism(),
  interfaces: () => networkInterfaces(),
  async resolve(name) {
    try {
      return (await lookup(name, { all: true })).map(({ address }) => address);
    } catch {
      // A name without an address is an answer; the caller goes on to its next source.
      return [];
    }
  },
  mounts: {
    async mount({ source, target, type, options = [], signal }) {
      const kind = type === undefined ? [] : ['-t', type];
      const list = options.length === 0 ? [] : ['-o', options.join(',')];
      await tool('mount', ['--no-canonicalize', ...kind, ...list, source, target], { signal });
    },
    async unmount(path, { force = false } = {}) {
      await tool('umount', force ? ['-f', '-l', path] : [path]);
    },
    async makeShared(path) {
      await tool('mount', ['--make-rshared', path]);
    },
    async table() {
      return parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'));
    },
  },
  blockDevices: systemBlockDevices,
};

function absent<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return value;
    throw error;
  };
}
