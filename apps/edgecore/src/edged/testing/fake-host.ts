import type { Host } from '../host.ts';
import { fakeBlockDevices, fakeMounts } from './fake-mounts.ts';

export interface FakeHostOptions {
  readonly files?: Readonly<Record<string, string>>;
  readonly directories?: Readonly<Record<string, readonly string[]>>;
  readonly totalBytes?: number;
  readonly availableBytes?: number;
  readonly cpuCount?: number;
}

/** A machine made of strings. */
export function fakeHost(options: FakeHostOptions = {}): Host {
  const { files = {}, directories = {}, totalBytes = 2 ** 40, availableBytes = totalBytes / 2 } = options;
  return {
    readText: async (path) => files[path],
    list: async (path) => directories[path] ?? [],
    statfs: async () => ({ totalBytes, availableBytes, inodes: 1_000, inodesFree: 900 }),
    deviceOf: async () => 1,
    hostname: 'edge-a',
    architecture: 'amd64',
    cpuCount: options.cpuCount ?? 2,
    interfaces: () => ({
      lo: [address('127.0.0.1', true)],
      eth0: [address('192.0.2.10')],
      eth1: [address('198.51.100.7')],
    }),
    resolve: async () => [],
    mounts: fakeMounts(),
    blockDevices: fakeBlockDevices(),
  };
}

function address(ip: string, internal = false) {
  return { address: ip, netmask: '255.255.255.0', family: 'IPv4' as const, mac: '', internal, cidr: null };
}
