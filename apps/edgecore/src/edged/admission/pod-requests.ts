import type { Container, Pod } from '@kubeedge-ts/apis';
import { mostOf } from '../pod/most-of.ts';
import { allContainersOf } from '../pod/spec.ts';
import { ceil, parseQuantity } from '../quantity.ts';

/** By resource name, in base units (cores, bytes, pieces). */
export type Amounts = Map<string, number>;

/** A resource of which the node has too little. Amounts as the kubelet prints them: thousandths of CPU, else base units. */
export interface Shortage {
  readonly resource: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

/** What the pod asks for at most at one time, and the overhead of its runtime. */
export function podRequests(pod: Pod): Amounts {
  return podAmounts(pod, 'requests');
}

/** The same of limits; a resource that nothing limits is absent. */
export function podLimits(pod: Pod): Amounts {
  return podAmounts(pod, 'limits');
}

function podAmounts(pod: Pod, kind: 'requests' | 'limits'): Amounts {
  const amounts = new Map(allContainersOf(pod).map((container) => [container, amountsOf(container, kind)]));
  const resources = new Set([...amounts.values()].flatMap((own) => [...own.keys()]));
  const total: Amounts = new Map();
  for (const resource of resources)
    total.set(
      resource,
      mostOf(pod, (container) => amounts.get(container)?.get(resource) ?? 0),
    );
  for (const [resource, amount] of entries(pod.spec?.overhead)) {
    const before = total.get(resource) ?? 0;
    if (kind === 'requests' || before > 0) total.set(resource, before + amount);
  }
  return total;
}

/** Everything the pod asks for and the node has not left, in the kubelet's order. */
export function shortagesOf(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
): readonly Shortage[] {
  const shortages: Shortage[] = [];
  const places = Number(allocatable['pods'] ?? 0);
  if (others.length + 1 > places)
    shortages.push({ resource: 'pods', requested: 1, used: others.length, capacity: places });
  const wanted = podRequests(pod);
  const used: Amounts = new Map();
  for (const other of others)
    for (const [resource, amount] of podRequests(other))
      used.set(resource, (used.get(resource) ?? 0) + amount);
  for (const resource of ordered(wanted.keys())) {
    // What the node does not know is the cluster's affair, not this node's.
    if (isExtended(resource) && allocatable[resource] === undefined) continue;
    const shortage = {
      resource,
      requested: counted(resource, wanted.get(resource) ?? 0),
      used: counted(resource, used.get(resource) ?? 0),
      capacity: counted(resource, parseQuantity(allocatable[resource]) ?? 0),
    };
    if (shortage.requested > 0 && shortage.requested > shortage.capacity - shortage.used)
      shortages.push(shortage);
  }
  return shortages;
}

export function counted(resource: string, amount: number): number {
  return ceil(resource === 'cpu' ? amount * 1000 : amount);
}

const FIRST = ['cpu', 'memory', 'ephemeral-storage'];

function ordered(resources: Iterable<string>): string[] {
  const rank = (resource: string): number => {
    const index = FIRST.indexOf(resource);
    return index < 0 ? FIRST.length : index;
  };
  return [...resources].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function isExtended(resource: string): boolean {
  return resource.includes('/') && !resource.includes('kubernetes.io/') && !resource.startsWith('requests.');
}

function amountsOf({ resources }: Container, kind: 'requests' | 'limits'): Amounts {
  return new Map(entries(resources?.[kind]));
}

function entries(amounts: Readonly<Record<string, unknown>> | undefined): [string, number][] {
  return Object.entries(amounts ?? {}).map(([resource, amount]) => [resource, parseQuantity(amount) ?? 0]);
}
