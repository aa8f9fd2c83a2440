import type { Pod } from '@kubeedge-ts/apis';
import type { Storage } from '../../stats/index.ts';
import { family, labelText, type Sample } from './exposition.ts';

type Volume =
  Storage['pods'] extends ReadonlyMap<string, { readonly volumes: readonly (infer V)[] }> ? V : never;

const ROWS: readonly (readonly [string, string, (volume: Volume) => number])[] = [
  [
    'kubelet_volume_stats_available_bytes',
    'Number of available bytes in the volume',
    ({ fs }) => fs.availableBytes,
  ],
  ['kubelet_volume_stats_capacity_bytes', 'Capacity in bytes of the volume', ({ fs }) => fs.capacityBytes],
  ['kubelet_volume_stats_used_bytes', 'Number of used bytes in the volume', ({ used }) => used.bytes],
  ['kubelet_volume_stats_inodes', 'Maximum number of inodes in the volume', ({ fs }) => fs.inodes],
  ['kubelet_volume_stats_inodes_free', 'Number of free inodes in the volume', ({ fs }) => fs.inodesFree],
  ['kubelet_volume_stats_inodes_used', 'Number of used inodes in the volume', ({ used }) => used.inodes],
];

/** `kubelet_volume_stats_*` of claimed volumes; one that several pods use is said once. */
export function volumeMetrics(pods: readonly Pod[], storage: Storage): string {
  const claimed = new Map<string, Volume>();
  for (const { metadata } of pods) {
    for (const volume of storage.pods.get(metadata.uid ?? '')?.volumes ?? []) {
      if (volume.claim === undefined) continue;
      const namespace = metadata.namespace ?? 'default';
      claimed.set(labelText({ namespace, persistentvolumeclaim: volume.claim }), volume);
    }
  }
  return ROWS.map(([name, help, value]) => {
    const samples = [...claimed].map(([labels, volume]): Sample => ({ labels, value: value(volume) }));
    return family(name, 'gauge', help, samples);
  }).join('');
}
