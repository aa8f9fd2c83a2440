import { appendFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { posix } from 'node:path';

export interface FakeMount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
}

/** A container's file system: real files where something is mounted, memory elsewhere. */
export interface FakeFiles {
  read(path: string): Promise<Buffer | undefined>;
  /** @throws Error EROFS on a read-only mount */
  write(path: string, content: Buffer, append: boolean): Promise<void>;
  remove(path: string): Promise<void>;
  /** `file`, `directory`, or undefined. */
  kind(path: string): Promise<'file' | 'directory' | undefined>;
}

export function createFakeFiles(mounts: readonly FakeMount[]): FakeFiles {
  const memory = new Map<string, Buffer>();
  const mountOf = (path: string): FakeMount | undefined =>
    mounts
      .filter(({ containerPath }) => path === containerPath || path.startsWith(`${containerPath}/`))
      .sort((a, b) => b.containerPath.length - a.containerPath.length)[0];
  const locate = (path: string): { inside: string; mount?: FakeMount; host?: string } => {
    const inside = posix.resolve('/', path);
    const mount = mountOf(inside);
    if (mount === undefined) return { inside };
    return { inside, mount, host: mount.hostPath + inside.slice(mount.containerPath.length) };
  };
  const writable = (path: string) => {
    const place = locate(path);
    if (place.mount?.readonly) throw new Error(`${path}: Read-only file system`);
    return place;
  };

  return {
    async read(path) {
      const { host, inside } = locate(path);
      return host === undefined ? memory.get(inside) : readFile(host).catch(() => undefined);
    },
    async write(path, content, append) {
      const { host, inside } = writable(path);
      if (host !== undefined) return append ? appendFile(host, content) : writeFile(host, content);
      memory.set(inside, append ? Buffer.concat([memory.get(inside) ?? Buffer.alloc(0), content]) : content);
    },
    async remove(path) {
      const { host, inside } = writable(path);
      if (host !== undefined) await rm(host, { force: true });
      else memory.delete(inside);
    },
    async kind(path) {
      const { host, inside } = locate(path);
      if (host === undefined) {
        if (memory.has(inside)) return 'file';
        return inside === '/' || inside === '/tmp' || inside === '/bin' ? 'directory' : undefined;
      }
      const found = await stat(host).catch(() => undefined);
      return found === undefined ? undefined : found.isDirectory() ? 'directory' : 'file';
    },
  };
}
