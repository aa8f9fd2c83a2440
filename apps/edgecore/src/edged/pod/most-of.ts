import type { Container, Pod } from '@kubeedge-ts/apis';
import { initContainersOf, isSidecar, mainContainersOf } from './spec.ts';

/**
 * What the pod's containers have at most at one time: its main containers and sidecars together, or one of its init
 * containers with the sidecars started before it.
 */
export function mostOf(pod: Pod, pick: (container: Container) => number): number {
  let lasting = mainContainersOf(pod).reduce((sum, container) => sum + pick(container), 0);
  let sidecars = 0;
  let peak = 0;
  for (const container of initContainersOf(pod)) {
    const own = pick(container);
    if (isSidecar(container)) {
      lasting += own;
      sidecars += own;
    }
    peak = Math.max(peak, isSidecar(container) ? sidecars : sidecars + own);
  }
  return Math.max(lasting, peak);
}
