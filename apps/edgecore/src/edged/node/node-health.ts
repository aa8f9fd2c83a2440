import type { RuntimeInfo } from '../runtime/runtime-info.ts';

const RUNTIME_STALE_MS = 30_000;
const PLEG_STALE_MS = 180_000;

/** Why the node is not ready, in the kubelet's words; empty when it is. `listedAt`: of the last relist. Times are monotonic, ms. */
export function nodeHealth(
  { answeredAt, runtimeProblem, networkProblem }: RuntimeInfo,
  listedAt: number | undefined,
  now: number,
): readonly string[] {
  const problems: string[] = [];
  const stale = answeredAt === undefined || now - answeredAt > RUNTIME_STALE_MS;
  if (runtimeProblem !== undefined) problems.push(runtimeProblem);
  else if (stale) problems.push('container runtime is down');
  if (listedAt !== undefined && now - listedAt > PLEG_STALE_MS) {
    const seconds = Math.round((now - listedAt) / 1000);
    problems.push(`PLEG is not healthy: pleg was last seen active ${seconds}s ago; threshold is 3m0s`);
  }
  if (networkProblem !== undefined) problems.push(networkProblem);
  return problems;
}
