import { type Clock, sleep } from '@kubeedge-ts/runtime';

/** Lets so many pulls run at once and begin per second; others wait for their turn, first come first served. */
export interface PullGate {
  /** @throws the signal's reason when it aborts first */
  run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export interface PullGateOptions {
  readonly clock: Clock;
  /** At once; `Infinity` for any number. */
  readonly parallel: number;
  /** Begun per second in the long run; 0: any number. */
  readonly perSecond: number;
  /** Begun together after a quiet time. */
  readonly burst: number;
}

export function createPullGate({ clock, parallel, perSecond, burst }: PullGateOptions): PullGate {
  let free = parallel;
  const waiting: (() => void)[] = [];
  let tokens = Math.max(1, burst);
  let countedAt = clock.monotonic();

  const enter = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        const index = waiting.indexOf(admit);
        if (index >= 0) waiting.splice(index, 1);
        reject(signal.reason);
      };
      const admit = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      waiting.push(admit);
      signal.addEventListener('abort', leave, { once: true });
    });
  };

  /** Hands the place over or gives it back. */
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };

  /** Takes a token from the bucket, even one that will be there only later, and waits for it. */
  const takeToken = async (signal: AbortSignal): Promise<void> => {
    if (perSecond <= 0) return;
    const now = clock.monotonic();
    tokens = Math.min(Math.max(1, burst), tokens + ((now - countedAt) * perSecond) / 1000);
    countedAt = now;
    tokens -= 1;
    if (tokens >= 0) return;
    try {
      await sleep(clock, (-tokens * 1000) / perSecond, signal);
    } catch (error) {
      tokens += 1;
      throw error;
    }
  };

  return {
    async run(task, signal) {
      await enter(signal);
      try {
        await takeToken(signal);
        return await task();
      } finally {
        leave();
      }
    },
  };
}
