import { isIP } from 'node:net';
import type { EdgedConfig } from '../config.ts';
import type { FileSystemFacts, Host } from '../host.ts';

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
  readonly rootFs: FileSystemFacts;
  readonly memoryAvailableBytes: number;
  readonly addresses: readonly string[];
  readonly pids: { readonly max: number; readonly running: number };
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
  const memory = (await host.readText('/proc/meminfo')) ?? '';
  const load = ((await host.readText('/proc/loadavg')) ?? '').split(' ');
  return {
    rootFs: await host.statfs(config.rootDir),
    memoryAvailableBytes: meminfo(memory, 'MemAvailable'),
    addresses: await addressesOf(host, config),
    pids: {
      max: Number((await host.readText('/proc/sys/kernel/pid_max')) ?? 0),
      running: Number(load[3]?.split('/')[1] ?? 0),
    },
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

/** The node's own addresses, the first one first (spec/edged.md §2.1). */
async function addressesOf(host: Host, config: EdgedConfig): Promise<readonly string[]> {
  if (config.nodeIP !== '') return [config.nodeIP];
  if (isIP(config.nodeName) !== 0) return [config.nodeName];
  const own = ownAddresses(host);
  const named = (await host.resolve(config.nodeName)).find((address) => own.has(address));
  if (named !== undefined) return [named];
  const route = defaultRouteInterface((await host.readText('/proc/net/route')) ?? '');
  for (const [address, name] of own) if (name === route) return [address];
  const [first] = own.keys();
  return first === undefined ? [] : [first];
}

/** IPv4 addresses that others can reach → interface. */
function ownAddresses(host: Host): Map<string, string> {
  const own = new Map<string, string>();
  for (const [name, list] of Object.entries(host.interfaces())) {
    for (const { address, family, internal } of list ?? []) {
      if (family === 'IPv4' && !internal && !address.startsWith('169.254.')) own.set(address, name);
    }
  }
  return own;
}

/** Name of the interface with destination and mask 0 in `/proc/net/route`. */
export function defaultRouteInterface(table: string): string | undefined {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .find(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')?.[0];
}
