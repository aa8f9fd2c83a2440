import type { EdgedConfig } from '../config.ts';
import type { FileSystemFacts, Host } from '../host.ts';
import { addressesOf } from './addresses.ts';

/** Facts of the machine that do not change while edgecore runs. */
export interface Machine {
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly memoryBytes: number;
  /** Page size name (`2Mi`) → pre-allocated bytes. */
  readonly hugepages: ReadonlyMap<string, number>;
  readonly cgroupV2: boolean;
  readonly thermalPaths: readonly string[];
}

/** Facts that do. */
export interface Conditions {
  /** Of the root directory; undefined when it cannot be looked at. */
  readonly rootFs: FileSystemFacts | undefined;
  readonly addresses: readonly string[];
}

export async function readMachine(host: Host): Promise<Machine> {
  const text = async (path: string): Promise<string> => ((await host.readText(path)) ?? '').trim();
  const machineId = (await text('/etc/machine-id')) || (await text('/var/lib/dbus/machine-id'));
  const cpus = (await host.list('/sys/devices/system/cpu')).filter((name) => /^cpu\d+$/.test(name));
  const thermalPaths: string[] = [];
  for (const cpu of cpus) {
    const dir = `/sys/devices/system/cpu/${cpu}`;
    if ((await host.list(dir)).includes('thermal_throttle')) thermalPaths.push(`${dir}/thermal_throttle`);
  }
  return {
    machineId,
    systemUuid: (await text('/sys/class/dmi/id/product_uuid')) || machineId,
    bootId: await text('/proc/sys/kernel/random/boot_id'),
    kernelVersion: await text('/proc/sys/kernel/osrelease'),
    osImage: prettyName(await text('/etc/os-release')),
    memoryBytes: meminfo(await text('/proc/meminfo'), 'MemTotal'),
    hugepages: await readHugepages(host),
    cgroupV2: (await host.readText('/sys/fs/cgroup/cgroup.controllers')) !== undefined,
    thermalPaths,
  };
}

export async function readConditions(host: Host, config: EdgedConfig): Promise<Conditions> {
  return {
    rootFs: await host.statfs(config.rootDir).catch(() => undefined),
    addresses: await addressesOf(host, config),
  };
}

export function prettyName(osRelease: string): string {
  const value = /^PRETTY_NAME=(.*)$/m.exec(osRelease)?.[1]?.trim() ?? '';
  return value.replace(/^(["'])(.*)\1$/, '$2') || 'Linux';
}

/** Bytes of a line of `/proc/meminfo`. */
export function meminfo(text: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

async function readHugepages(host: Host): Promise<Map<string, number>> {
  const pages = new Map<string, number>();
  for (const name of await host.list('/sys/kernel/mm/hugepages')) {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    if (!kib) continue;
    const count = Number(
      ((await host.readText(`/sys/kernel/mm/hugepages/${name}/nr_hugepages`)) ?? '0').trim(),
    );
    const size =
      kib % 1_048_576 === 0 ? `${kib / 1_048_576}Gi` : kib % 1024 === 0 ? `${kib / 1024}Mi` : `${kib}Ki`;
    pages.set(size, count * kib * 1024);
  }
  return new Map([...pages].sort(([a], [b]) => (a < b ? -1 : 1)));
}
