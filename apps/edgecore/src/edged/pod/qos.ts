import type { Container, Pod } from '@kubeedge-ts/apis';
import { parseQuantity } from '../quantity.ts';
import { allContainersOf } from './spec.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COUNTED = ['cpu', 'memory'] as const;

/** spec/edged.md §4.2, "QoS class". */
export function qosOf(pod: Pod): QosClass {
  let anything = false;
  let guaranteed = true;
  for (const container of allContainersOf(pod)) {
    for (const resource of COUNTED) {
      const limit = amount(container, 'limits', resource);
      const request = amount(container, 'requests', resource) || limit;
      if (limit > 0 || request > 0) anything = true;
      if (limit === 0 || limit !== request) guaranteed = false;
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function amount(container: Container, kind: 'limits' | 'requests', resource: string): number {
  return parseQuantity(container.resources?.[kind]?.[resource]) ?? 0;
}
