/** Work of one node, done one after the other while other nodes go on. */
export interface Inbox {
  /**
   * Takes a task. Undefined: there was room. A promise: the inbox is full, and the sender must not be read from until it
   * resolves.
   */
  offer(task: () => void | Promise<void>): Promise<void> | undefined;
  readonly size: number;
}

export interface InboxOptions {
  /** Tasks that may wait, the running one included. */
  readonly capacity: number;
  readonly failed: (error: unknown) => void;
}

export function createInbox({ capacity, failed }: InboxOptions): Inbox {
  const tasks: (() => void | Promise<void>)[] = [];
  const blocked: (() => void)[] = [];
  let running = false;

  const run = async (): Promise<void> => {
    running = true;
    for (let task = tasks[0]; task !== undefined; task = tasks[0]) {
      try {
        await task();
      } catch (error) {
        failed(error);
      }
      tasks.shift();
      blocked.shift()?.();
    }
    running = false;
  };

  return {
    offer(task) {
      tasks.push(task);
      if (!running) void run();
      if (tasks.length <= capacity) return undefined;
      return new Promise((resolve) => blocked.push(resolve));
    },
    get size() {
      return tasks.length;
    },
  };
}
