/** How often somebody else has changed what was published. */
export interface Contest {
  readonly times: number;
  /** Monotonic ms. */
  readonly lastAt: number;
}

export const NO_CONTEST: Contest = { times: 0, lastAt: 0 };

/** Written back at once so many times, then at this pace; forgotten after this long without one. */
const AT_ONCE = 5;
const PAUSE_MS = 60_000;
const FORGET_MS = 600_000;

export interface Rewrite {
  readonly contest: Contest;
  /** 0: now. */
  readonly waitMs: number;
  /** Somebody means it: writing alone will not do. */
  readonly lasting: boolean;
}

/** Whether what somebody overwrote is written back now. */
export function decideRewrite(contest: Contest, now: number): Rewrite {
  const { times, lastAt } = now - contest.lastAt >= FORGET_MS ? NO_CONTEST : contest;
  const lasting = times >= AT_ONCE;
  const waitMs = lasting ? Math.max(0, lastAt + PAUSE_MS - now) : 0;
  if (waitMs > 0) return { contest: { times, lastAt }, waitMs, lasting };
  return { contest: { times: times + 1, lastAt: now }, waitMs: 0, lasting };
}
