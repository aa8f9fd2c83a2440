/** A container that does not run. */
export interface DeadContainer {
  readonly id: string;
  readonly podUid: string;
  readonly name: string;
  readonly attempt: number;
  readonly createdAt: number;
}

/**
 * The dead containers that exceed `max` for the whole node, so that each pod's container keeps as many as all others;
 * where that is not enough, the oldest go. `max` below 0: no limit.
 */
export function surplusOf(dead: readonly DeadContainer[], max: number): readonly DeadContainer[] {
  if (max < 0 || dead.length <= max) return [];
  const newestFirst = dead.toSorted((a, b) => b.createdAt - a.createdAt);
  const groups = Map.groupBy(newestFirst, ({ podUid, name }) => `${podUid}/${name}`);
  const share = Math.max(1, Math.trunc(max / groups.size));
  const kept = new Set([...groups.values()].flatMap((runs) => runs.slice(0, share)));
  const left = newestFirst.filter((container) => kept.has(container)).slice(0, max);
  return newestFirst.filter((container) => !left.includes(container));
}

/** A sandbox as far as its removal goes. */
export interface SandboxFacts {
  readonly id: string;
  readonly podUid: string;
  readonly ready: boolean;
  readonly createdAt: number;
}

/** Sandboxes that are over and hold nothing; of a pod that goes on the newest stays, it may be looked at. */
export function deadSandboxes(
  sandboxes: readonly SandboxFacts[],
  withContainers: ReadonlySet<string>,
  allGo: (podUid: string) => boolean,
): readonly SandboxFacts[] {
  const newestFirst = sandboxes.toSorted((a, b) => b.createdAt - a.createdAt);
  const groups = Map.groupBy(newestFirst, ({ podUid }) => podUid);
  return [...groups].flatMap(([podUid, list]) =>
    list.slice(allGo(podUid) ? 0 : 1).filter(({ id, ready }) => !ready && !withContainers.has(id)),
  );
}
