import { randomUUID } from 'node:crypto';

/** Randomness as a port; tests pass a seeded one. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Lower-case UUID v4. */
  uuid(): string;
}

export const systemRandom: Random = { next: Math.random, uuid: () => randomUUID() };

/** A small deterministic generator (mulberry32): same seed, same numbers. For tests and replays only. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
  return { next, uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}` };
}
