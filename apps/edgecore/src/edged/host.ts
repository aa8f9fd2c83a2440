import { execFile } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { readdir, readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { promisify } from 'node:util';

export interface FileSystemFacts {
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** Mounts of this machine. All reject with the tool's words when the machine does not permit it. */
export interface Mounts {
  /** `sizeBytes` absent: the kernel's default. */
  tmpfs(dir: string, sizeBytes?: number): Promise<void>;
  bind(source: string, target: string): Promise<void>;
  unmount(path: string): Promise<void>;
  /** Mount points, as the kernel lists them. */
  list(): Promise<readonly string[]>;
}

/** The machine edged runs on, as a port. */
export interface Host {
  /** Content of a small file; undefined when it is not there. */
  readText(path: string): Promise<string | undefined>;
  /** Names in a directory; empty when it is not there. */
  list(path: string): Promise<readonly string[]>;
  statfs(path: string): Promise<FileSystemFacts>;
  readonly hostname: string;
  /** Kubernetes' name of the processor: `amd64`, `arm64` … */
  readonly architecture: string;
  readonly cpuCount: number;
  interfaces(): Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  /** Addresses of a name; empty when it has none. */
  resolve(name: string): Promise<readonly string[]>;
  readonly mounts: Mounts;
}

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' };
const run = promisify(execFile);

export const systemHost: Host = {
  readText: (path) => readFile(path, 'utf8').catch(absent(undefined)),
  list: (path) => readdir(path).catch(absent([])),
  async statfs(path) {
    const { bsize, blocks, bavail, files, ffree } = await statfs(path);
    return { totalBytes: bsize * blocks, availableBytes: bsize * bavail, inodes: files, inodesFree: ffree };
  },
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
    async tmpfs(dir, sizeBytes) {
      const size = sizeBytes === undefined ? [] : ['-o', `size=${sizeBytes}`];
      await run('mount', ['-t', 'tmpfs', ...size, 'tmpfs', dir]);
    },
    async bind(source, target) {
      await run('mount', ['--no-canonicalize', '--bind', source, target]);
    },
    async unmount(path) {
      await run('umount', [path]);
    },
    async list() {
      const table = await readFile('/proc/self/mountinfo', 'utf8');
      return table.split('\n').flatMap((line) => {
        const point = line.split(' ')[4];
        return point === undefined
          ? []
          : [point.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))];
      });
    },
  },
};

function absent<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return value;
    throw error;
  };
}
