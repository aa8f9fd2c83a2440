import type { Clock } from '@kubeedge-ts/runtime';

/** Answers that hold for a time, each asked for once however many wait for it. */
export interface AnswerCache<T> {
  /** @throws what `ask` throws, to all who wait; an error is not kept */
  get(key: string, ask: () => Promise<T>): Promise<T>;
}

export interface AnswerCacheOptions<T> {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** How long an answer holds, ms. */
  readonly holds: (answer: T) => number;
  /** Answers kept; the oldest go. */
  readonly maxEntries: number;
  /** Questions under way at the same time. */
  readonly maxPending: number;
  /** What a question beyond that fails with. */
  readonly overloaded: () => Error;
}

export function createAnswerCache<T>(options: AnswerCacheOptions<T>): AnswerCache<T> {
  const { clock, holds, maxEntries, maxPending, overloaded } = options;
  const answers = new Map<string, { readonly answer: T; readonly until: number }>();
  const pending = new Map<string, Promise<T>>();

  const remember = (key: string, answer: T): void => {
    answers.delete(key);
    answers.set(key, { answer, until: clock.monotonic() + holds(answer) });
    if (answers.size <= maxEntries) return;
    for (const oldest of answers.keys()) {
      answers.delete(oldest);
      return;
    }
  };

  return {
    async get(key, ask) {
      const known = answers.get(key);
      if (known !== undefined && clock.monotonic() < known.until) return known.answer;
      const underWay = pending.get(key);
      if (underWay !== undefined) return underWay;
      if (pending.size >= maxPending) throw overloaded();
      const asking = ask();
      pending.set(key, asking);
      try {
        const answer = await asking;
        remember(key, answer);
        return answer;
      } finally {
        pending.delete(key);
      }
    },
  };
}
