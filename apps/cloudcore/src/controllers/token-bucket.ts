export interface Rate {
  readonly perSecond: number;
  /** How many may come at once after a pause. */
  readonly burst: number;
}

/** A budget that refills with time. */
export interface TokenBucket {
  has(): boolean;
  take(): void;
  /** Until the next token, ms; 0 if there is one. */
  waitMs(): number;
}

export function createTokenBucket({ perSecond, burst }: Rate, monotonic: () => number): TokenBucket {
  let tokens = burst;
  let at = monotonic();
  const refill = (): void => {
    const now = monotonic();
    tokens = Math.min(burst, tokens + ((now - at) * perSecond) / 1000);
    at = now;
  };
  return {
    has() {
      refill();
      return tokens >= 1;
    },
    take() {
      refill();
      tokens -= 1;
    },
    waitMs() {
      refill();
      return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) * 1000) / perSecond);
    },
  };
}
