import type { Pod } from '@kubeedge-ts/apis';
import { everyContainerOf } from '../pod/spec.ts';
import { volumeProblem } from './problems.ts';

/** How a pod's containers use its volumes, by the volumes' names. */
export interface Uses {
  any(volume: string): boolean;
  /** @throws EDGED_VOLUME when containers use it as what it is not */
  check(volume: string, block: boolean): void;
}

export function usesOf(pod: Pod): Uses {
  const containers = everyContainerOf(pod);
  const mounted = new Set(
    containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)),
  );
  const devices = new Set(
    containers.flatMap(({ volumeDevices = [] }) => volumeDevices.map(({ name }) => name)),
  );
  return {
    any: (volume) => mounted.has(volume) || devices.has(volume),
    check(volume, block) {
      const wrong = block ? mounted : devices;
      if (!wrong.has(volume)) return;
      const mode = block ? 'Block' : 'Filesystem';
      const field = block ? 'volumeMounts' : 'volumeDevices';
      const problem = `volume ${volume} has volumeMode ${mode}, but is specified in ${field}`;
      throw volumeProblem(volume, problem, { step: 'claim' });
    },
  };
}
