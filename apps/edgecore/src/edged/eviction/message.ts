import type { Pod } from '@kubeedge-ts/apis';
import { initContainersOf, mainContainersOf } from '../pod/spec.ts';
import { binaryQuantity, canonicalQuantity, decimalQuantity, parseQuantity } from '../quantity.ts';
import type { ContainerUsage, PodUsage } from '../stats/pod-usage.ts';
import { type Observations, SIGNALS, type StarvedResource } from './signals.ts';
import { type Threshold, thresholdAmount } from './thresholds.ts';

/** Why the pod went, in the kubelet's words (spec/edged.md §13). */
export function evictionMessage(
  resource: StarvedResource,
  pod: Pod,
  usage: PodUsage | undefined,
  due: readonly Threshold[],
  observations: Observations,
): string {
  const parts = [`The node was low on resource: ${resource}. `];
  const met = due.find(({ signal }) => SIGNALS[signal].resource === resource && observations.has(signal));
  const seen = met && observations.get(met.signal);
  if (met !== undefined && seen !== undefined) {
    const amount = resource === 'inodes' || resource === 'pids' ? decimalQuantity : binaryQuantity;
    const quantity = met.value.endsWith('%')
      ? binaryQuantity(thresholdAmount(met.value, seen.capacity))
      : canonicalQuantity(met.value);
    parts.push(`Threshold quantity: ${quantity}, available: ${amount(seen.available)}. `);
  }
  for (const { name, resources } of [...mainContainersOf(pod), ...initContainersOf(pod)]) {
    const used = amountUsed(resource, usage?.containers.get(name));
    const request = resources?.requests?.[resource];
    if (used === undefined || used <= (parseQuantity(request) ?? 0)) continue;
    const asked = request === undefined ? '0' : canonicalQuantity(String(request));
    parts.push(
      `Container ${name} was using ${binaryQuantity(used)}, request is ${asked}, has larger consumption of ${resource}. `,
    );
  }
  return parts.join('');
}

function amountUsed(resource: StarvedResource, usage: ContainerUsage | undefined): number | undefined {
  if (resource === 'memory') return usage?.memoryWorkingSetBytes;
  if (resource !== 'ephemeral-storage' || usage?.rootfs === undefined || usage.logs === undefined)
    return undefined;
  return usage.rootfs.bytes + usage.logs.bytes;
}
