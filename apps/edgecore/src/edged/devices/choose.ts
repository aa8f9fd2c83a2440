/** What is known when devices are chosen for a container. */
export interface Choice {
  readonly resource: string;
  readonly needed: number;
  readonly healthy: ReadonlySet<string>;
  /** Some container has these. */
  readonly inUse: ReadonlySet<string>;
  /** Of the pod's earlier init containers. */
  readonly reusable: ReadonlySet<string>;
}

/** What the plugin would choose: of `available`, `size` of them, among them `mustInclude`. */
export type Preference = (
  available: readonly string[],
  mustInclude: readonly string[],
  size: number,
) => Promise<readonly string[]>;

/**
 * Chooses as the kubelet does without topology: what the pod had before, then what the plugin prefers, then any.
 * @throws Error in the kubelet's words
 */
export async function chooseDevices(choice: Choice, prefer: Preference | undefined): Promise<string[]> {
  const { resource, needed, healthy, inUse } = choice;
  const chosen = [...choice.reusable].filter((id) => healthy.has(id)).slice(0, needed);
  if (chosen.length === needed) return chosen;
  const available = [...healthy].filter((id) => !inUse.has(id) && !chosen.includes(id));
  const missing = needed - chosen.length;
  if (available.length < missing) {
    throw new Error(
      `requested number of devices unavailable for ${resource}. Requested: ${missing}, Available: ${available.length}`,
    );
  }
  // With as many as there are there is nothing to prefer.
  const preferred =
    prefer === undefined || available.length === missing
      ? []
      : await prefer([...chosen, ...available], chosen, needed);
  for (const id of [...preferred, ...available]) {
    if (chosen.length === needed) break;
    if (available.includes(id) && !chosen.includes(id)) chosen.push(id);
  }
  return chosen;
}
