import { type Clock, sleep } from '@kubeedge-ts/runtime';
import { createTokenBucket, type Rate, type TokenBucket } from '../controllers/token-bucket.ts';

/** How fast the events of one node are written: a crash loop at the edge is no reason to load the API server. */
export interface EventPace {
  /** Takes a place in the queue of the node; false: too many of its events wait, this one is refused. */
  enter(node: string): boolean;
  /** Resolves when the node may write its next event. @throws the signal's reason */
  turn(node: string, signal: AbortSignal): Promise<void>;
  /** Gives the place back. */
  leave(node: string): void;
  /** The node is away: what is left of its budget is forgotten with the last of its events. */
  forget(node: string): void;
}

export interface PaceLimits {
  readonly rate: Rate;
  /** Events of one node that may wait. */
  readonly waiting: number;
}

export function createEventPace({ rate, waiting }: PaceLimits, clock: Clock): EventPace {
  const nodes = new Map<string, { bucket: TokenBucket; count: number; away: boolean }>();
  return {
    enter(node) {
      const known = nodes.get(node);
      const state = known ?? { bucket: createTokenBucket(rate, clock.monotonic), count: 0, away: false };
      state.away = false;
      if (state.count >= waiting) return false;
      state.count += 1;
      nodes.set(node, state);
      return true;
    },
    async turn(node, signal) {
      const bucket = nodes.get(node)?.bucket;
      if (bucket === undefined) return;
      while (!bucket.has()) await sleep(clock, bucket.waitMs(), signal);
      bucket.take();
    },
    leave(node) {
      const state = nodes.get(node);
      if (state === undefined) return;
      state.count -= 1;
      if (state.away && state.count === 0) nodes.delete(node);
    },
    forget(node) {
      const state = nodes.get(node);
      if (state === undefined) return;
      state.away = true;
      if (state.count === 0) nodes.delete(node);
    },
  };
}
