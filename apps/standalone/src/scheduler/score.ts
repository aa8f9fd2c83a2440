import type { Pod } from '@kubeedge-ts/apis';
import type { NodeInfo } from './node-info.ts';
import { podRequest } from './resources.ts';
import { reluctance } from './taints.ts';

/**
 * The best of the nodes that can run the pod: fewest taints against it, then the smallest share of CPU and memory
 * requested with it, then the fewest pods, then the name.
 */
export function pickNode(pod: Pod, feasible: readonly NodeInfo[]): NodeInfo | undefined {
  const request = podRequest(pod);
  const share = ({ allocatable, requested }: NodeInfo, name: string): number => {
    const total = Number(allocatable.get(name) ?? 0n);
    return total === 0 ? 1 : (Number(requested.get(name) ?? 0n) + Number(request.get(name) ?? 0n)) / total;
  };
  return feasible
    .map((info) => ({
      info,
      taints: reluctance(pod, info.node),
      load: share(info, 'cpu') + share(info, 'memory'),
    }))
    .sort(
      (a, b) =>
        a.taints - b.taints ||
        a.load - b.load ||
        a.info.pods - b.info.pods ||
        (a.info.node.metadata.name < b.info.node.metadata.name ? -1 : 1),
    )[0]?.info;
}
