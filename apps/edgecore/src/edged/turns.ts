/** Runs tasks one after the other. */
export interface Turns {
  /** Waits for its turn, unless the signal aborts first. */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(task, signal) {
      const turn = last.then(() => {
        signal?.throwIfAborted();
        return task();
      });
      last = turn.catch(() => undefined);
      if (signal === undefined) return turn;
      // A waiting caller may leave at once; its turn then passes without the task.
      return new Promise((resolve, reject) => {
        const onAbort = (): void => reject(signal.reason);
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
      });
    },
  };
}
