import type { BlockDevices } from '../block-devices.ts';
import type { MountPoint, MountRequest, Mounts } from '../host.ts';

export interface FakeMounts extends Mounts {
  /** What is mounted, newest last. */
  readonly points: MountPoint[];
  /** Each mount asked for, as `type source options` by its target. */
  readonly asked: Map<string, string>;
  /** Why a mount must fail; undefined lets it through. */
  refuse: (request: MountRequest) => string | undefined;
}

/** A mount table without mounts. */
export function fakeMounts(): FakeMounts {
  const points: MountPoint[] = [];
  const asked = new Map<string, string>();
  const mounts: FakeMounts = {
    points,
    asked,
    refuse: () => undefined,
    async mount(request) {
      const { source, target, type = '', options = [] } = request;
      const problem = mounts.refuse(request);
      if (problem !== undefined) throw new Error(problem);
      asked.set(target, [type, source, options.join(',')].filter((part) => part !== '').join(' '));
      points.push({ path: target, device: '0:1', root: '/', type, source, shared: false });
    },
    async unmount(path) {
      const at = points.findLastIndex((point) => point.path === path);
      if (at === -1) throw new Error(`umount: ${path}: not mounted.`);
      points.splice(at, 1);
    },
    async makeShared(path) {
      const at = points.findLastIndex((point) => point.path === path);
      if (at === -1) throw new Error(`mount: ${path}: not a mount point.`);
      points[at] = { ...(points[at] as MountPoint), shared: true };
    },
    table: async () => [...points],
  };
  return mounts;
}

export interface FakeBlockDevices extends BlockDevices {
  /** What each device holds. */
  readonly content: Map<string, string>;
  readonly calls: string[];
}

export function fakeBlockDevices(): FakeBlockDevices {
  const content = new Map<string, string>();
  const calls: string[] = [];
  return {
    content,
    calls,
    fileSystemOf: async (device) => content.get(device),
    check: async (device) => void calls.push(`check ${device}`),
    async format(device, type) {
      calls.push(`format ${device} ${type}`);
      content.set(device, type);
    },
    detachLoops: async () => {},
  };
}
