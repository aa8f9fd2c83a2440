/** Work that is already admitted, by node. */
export interface KeyedLanes {
  /**
   * Runs `task` after the earlier ones of the same node and key, and beside those of other keys. `urgent` tasks do not
   * wait for the node's other work. Returns undefined, or, when the node has sent more than can be worked on, a
   * promise to wait for before taking more from it.
   */
  submit(node: string, key: string, task: () => Promise<void>, urgent?: boolean): Promise<void> | undefined;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

export interface LaneLimits {
  /** Tasks of one node that run at the same time. */
  readonly concurrency: number;
  /** Tasks of one node that may wait before it has to slow down. */
  readonly backlog: number;
}

interface Lane {
  readonly waiting: { key: string; task: () => Promise<void>; urgent: boolean }[];
  readonly busy: Set<string>;
  readonly slowed: (() => void)[];
}

/** Per object one writer, and no node waits for another (DESIGN §6). A task must not reject. */
export function createKeyedLanes({ concurrency, backlog }: LaneLimits): KeyedLanes {
  const lanes = new Map<string, Lane>();
  const idlers: (() => void)[] = [];

  const pump = (node: string, lane: Lane): void => {
    const held = new Set<string>();
    for (let index = 0; index < lane.waiting.length; index++) {
      const next = lane.waiting[index]!;
      const blocked = lane.busy.has(next.key) || held.has(next.key);
      if (blocked || (!next.urgent && lane.busy.size >= concurrency)) {
        held.add(next.key);
        continue;
      }
      lane.waiting.splice(index, 1);
      index -= 1;
      lane.busy.add(next.key);
      void next.task().finally(() => {
        lane.busy.delete(next.key);
        pump(node, lane);
      });
    }
    if (lane.waiting.length <= backlog / 2) for (const resume of lane.slowed.splice(0)) resume();
    if (lane.waiting.length === 0 && lane.busy.size === 0) lanes.delete(node);
    if (lanes.size === 0) for (const resolve of idlers.splice(0)) resolve();
  };

  return {
    submit(node, key, task, urgent = false) {
      const lane = lanes.get(node) ?? { waiting: [], busy: new Set(), slowed: [] };
      lanes.set(node, lane);
      lane.waiting.push({ key, task, urgent });
      pump(node, lane);
      return lane.waiting.length > backlog ? new Promise((resolve) => lane.slowed.push(resolve)) : undefined;
    },
    idle: () => (lanes.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
  };
}
