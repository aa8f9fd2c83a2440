import type { NodeStatus } from '@kubeedge-ts/apis';
import type { EdgedConfig } from '../config.ts';
import { thresholdAmount } from '../eviction/thresholds.ts';
import type { Host } from '../host.ts';
import { binaryQuantity, decimalQuantity, parseQuantity } from '../quantity.ts';
import type { Conditions, Machine } from './machine.ts';

/** Resource name → quantity. */
export type Resources = Readonly<Record<string, string>>;

/** What device plugins offer (spec/edged.md §12.6). */
export interface DeviceResources {
  readonly capacity: Resources;
  readonly allocatable: Resources;
}

export const NO_DEVICES: DeviceResources = { capacity: {}, allocatable: {} };

export interface CapacityInputs {
  readonly config: EdgedConfig;
  readonly host: Pick<Host, 'cpuCount'>;
  readonly machine: Machine;
  readonly now: Pick<Conditions, 'rootFs'>;
  readonly devices: DeviceResources;
}

/** What the machine has (spec/edged.md §2.1), and extended resources that others have put on the node. */
export function capacityOf(inputs: CapacityInputs, previous?: NodeStatus): Record<string, string> {
  const { config, host, machine, now, devices } = inputs;
  const perCore = config.podsPerCore > 0 ? config.podsPerCore * host.cpuCount : config.maxPods;
  return {
    ...foreign(previous?.capacity, devices),
    cpu: String(host.cpuCount),
    ...(now.rootFs === undefined ? {} : { 'ephemeral-storage': binaryQuantity(now.rootFs.totalBytes) }),
    ...Object.fromEntries(
      [...machine.hugepages].map(([size, bytes]) => [`hugepages-${size}`, binaryQuantity(bytes)]),
    ),
    ...(machine.memoryBytes > 0 ? { memory: binaryQuantity(machine.memoryBytes) } : {}),
    pods: String(Math.min(perCore, config.maxPods)),
    ...devices.capacity,
  };
}

/** Capacity less what is reserved for the system and what hard eviction keeps free; never negative. */
export function allocatableOf(inputs: CapacityInputs, capacity: Resources): Record<string, string> {
  const { config, machine, now, devices } = inputs;
  const reserved = (resource: string): number => reservedOf(config, resource);
  const kept = (signal: string, total: number): number =>
    config.ignoreEvictionThreshold ? 0 : thresholdAmount(config.evictionHard[signal], total);
  const result: Record<string, string> = { ...capacity };
  for (const [resource, amount] of Object.entries(capacity)) {
    if (reserved(resource) > 0)
      result[resource] = binaryQuantity(Math.max(0, (parseQuantity(amount) ?? 0) - reserved(resource)));
  }
  const milliCpu = Math.max(0, Number(capacity['cpu']) * 1000 - Math.round(reserved('cpu') * 1000));
  result['cpu'] = milliCpu % 1000 === 0 ? String(milliCpu / 1000) : `${milliCpu}m`;
  if (capacity['memory'] !== undefined) {
    const hugepages = [...machine.hugepages.values()].reduce((sum, bytes) => sum + bytes, 0);
    const total = machine.memoryBytes;
    const memory = total - hugepages - reserved('memory') - kept('memory.available', total);
    result['memory'] = binaryQuantity(Math.max(0, memory));
  }
  if (now.rootFs !== undefined) {
    const total = now.rootFs.totalBytes;
    const storage = total - reserved('ephemeral-storage') - kept('nodefs.available', total);
    result['ephemeral-storage'] = decimalQuantity(Math.max(0, storage));
  }
  return { ...result, ...devices.allocatable };
}

/** What the system and the node's own programs keep of a resource, in base units. */
export function reservedOf(
  { systemReserved, kubeReserved }: Pick<EdgedConfig, 'systemReserved' | 'kubeReserved'>,
  resource: string,
): number {
  return (parseQuantity(systemReserved[resource]) ?? 0) + (parseQuantity(kubeReserved[resource]) ?? 0);
}

/** Resources someone has put on the node by hand: kept, since nobody else would say them again. */
function foreign(previous: Resources | undefined, devices: DeviceResources): Record<string, string> {
  const kept = Object.entries(previous ?? {}).filter(
    ([name]) =>
      name.includes('/') && !name.includes('kubernetes.io/') && devices.capacity[name] === undefined,
  );
  return Object.fromEntries(kept);
}
