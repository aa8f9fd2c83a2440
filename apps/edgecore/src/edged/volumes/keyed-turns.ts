import { createTurns, type Turns } from '../turns.ts';

/** Runs tasks of one key one after the other, of different keys side by side. */
export interface KeyedTurns {
  run<T>(key: string, task: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function createKeyedTurns(): KeyedTurns {
  const all = new Map<string, { readonly turns: Turns; users: number }>();
  return {
    async run(key, task, signal) {
      const own = all.get(key) ?? { turns: createTurns(), users: 0 };
      all.set(key, own);
      own.users += 1;
      try {
        return await own.turns.run(task, signal);
      } finally {
        own.users -= 1;
        if (own.users === 0) all.delete(key);
      }
    },
  };
}
