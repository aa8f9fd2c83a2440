import type { Node, Pod } from '@kubeedge-ts/apis';
import { parseQuantity } from '../schema/quantity.ts';

/** Amounts by resource name, in units of 10⁻⁹. */
export type Amounts = ReadonlyMap<string, bigint>;

type Quantities = Readonly<Record<string, string>> | undefined;
type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];

/** A quantity that cannot be read counts as none; the API server does not let one in. */
function amounts(quantities: Quantities): Amounts {
  return new Map(
    Object.entries(quantities ?? {}).map(([name, text]) => [name, parseQuantity(String(text)) ?? 0n]),
  );
}

function combine(a: Amounts, b: Amounts, how: (x: bigint, y: bigint) => bigint): Amounts {
  const names = new Set([...a.keys(), ...b.keys()]);
  return new Map([...names].map((name) => [name, how(a.get(name) ?? 0n, b.get(name) ?? 0n)]));
}

export const addAmounts = (a: Amounts, b: Amounts): Amounts => combine(a, b, (x, y) => x + y);
const largest = (a: Amounts, b: Amounts): Amounts =>
  combine(a, b, (x, y) => {
    // Math.max takes no bigint.
    if (x > y) return x;
    return y;
  });

/** A limit without a request is a request, as the API server's defaulting makes it. */
function requestOf({ resources }: Container): Amounts {
  return amounts({ ...resources?.limits, ...resources?.requests } as Quantities);
}

/**
 * What a pod takes from its node: all containers and sidecars at once, or its hungriest init step with the sidecars
 * started before it, whichever is more; plus the overhead of its runtime class.
 */
export function podRequest(pod: Pod): Amounts {
  const none: Amounts = new Map();
  let sidecars = none;
  let initPeak = none;
  for (const container of pod.spec?.initContainers ?? []) {
    const request = requestOf(container);
    if (container.restartPolicy === 'Always') {
      sidecars = addAmounts(sidecars, request);
      initPeak = largest(initPeak, sidecars);
    } else {
      initPeak = largest(initPeak, addAmounts(sidecars, request));
    }
  }
  const running = (pod.spec?.containers ?? []).map(requestOf).reduce(addAmounts, sidecars);
  return addAmounts(largest(running, initPeak), amounts(pod.spec?.overhead as Quantities));
}

export function allocatable(node: Node): Amounts {
  return amounts((node.status?.allocatable ?? node.status?.capacity) as Quantities);
}
