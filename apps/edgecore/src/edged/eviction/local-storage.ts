import type { Pod } from '@kubeedge-ts/apis';
import { podLimits } from '../admission/pod-requests.ts';
import { allContainersOf, mainContainersOf } from '../pod/spec.ts';
import { binaryQuantity, canonicalQuantity, decimalQuantity, parseQuantity } from '../quantity.ts';
import type { PodUsage } from '../stats/pod-usage.ts';

const STORAGE = 'ephemeral-storage';

/** Whether anything limits the pod's local storage: all others need not be measured. */
export function hasStorageLimits(pod: Pod): boolean {
  return (
    podLimits(pod).has(STORAGE) ||
    (pod.spec?.volumes ?? []).some(({ emptyDir }) => (parseQuantity(emptyDir?.sizeLimit) ?? 0) > 0)
  );
}

/** Why the pod must go for using more local storage than it may; undefined when it does not (spec/edged.md §13). */
export function storageExcess(pod: Pod, usage: PodUsage, dedicatedImageFs: boolean): string | undefined {
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    const limit = parseQuantity(emptyDir?.sizeLimit) ?? 0;
    const used = usage.volumes.get(name)?.bytes ?? 0;
    if (limit > 0 && used > limit) {
      const text = canonicalQuantity(String(emptyDir?.sizeLimit));
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${text}". `;
    }
  }
  const total = podLimits(pod).get(STORAGE);
  if (total !== undefined && (usage.ephemeralStorage?.bytes ?? 0) > total) {
    const binary = allContainersOf(pod).some(({ resources }) =>
      /i$/.test(resources?.limits?.[STORAGE] ?? ''),
    );
    const text = binary ? binaryQuantity(total) : decimalQuantity(total);
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${text}. `;
  }
  for (const { name, resources } of mainContainersOf(pod)) {
    const text = resources?.limits?.[STORAGE];
    const limit = parseQuantity(text) ?? 0;
    const { logs, rootfs } = usage.containers.get(name) ?? {};
    const used = (logs?.bytes ?? 0) + (dedicatedImageFs ? 0 : (rootfs?.bytes ?? 0));
    if (limit > 0 && used > limit)
      return `Container ${name} exceeded its local ephemeral storage limit "${canonicalQuantity(String(text))}". `;
  }
  return undefined;
}
