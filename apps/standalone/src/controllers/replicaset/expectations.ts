import type { Clock } from '@kubeedge-ts/runtime';

/**
 * What a controller has asked for and its cache does not show yet. While something is outstanding for an owner,
 * nothing more is created or deleted for it, so that a slow cache leads to no duplicates.
 */
export interface Expectations {
  satisfied(owner: string): boolean;
  expectCreations(owner: string, count: number): void;
  expectDeletions(owner: string, uids: readonly string[]): void;
  created(owner: string): void;
  deleted(owner: string, uid: string): void;
  forget(owner: string): void;
}

/** A lost event must not block an owner for ever. */
const TIMEOUT_MS = 5 * 60_000;

export function createExpectations(clock: Pick<Clock, 'monotonic'>): Expectations {
  const owners = new Map<string, { creations: number; deletions: Set<string>; sinceMs: number }>();
  const entry = (owner: string) => {
    const known = owners.get(owner) ?? { creations: 0, deletions: new Set<string>(), sinceMs: 0 };
    known.sinceMs = clock.monotonic();
    owners.set(owner, known);
    return known;
  };
  return {
    satisfied(owner) {
      const known = owners.get(owner);
      if (known === undefined) return true;
      const done = known.creations <= 0 && known.deletions.size === 0;
      if (done || clock.monotonic() - known.sinceMs > TIMEOUT_MS) {
        owners.delete(owner);
        return true;
      }
      return false;
    },
    expectCreations(owner, count) {
      entry(owner).creations += count;
    },
    expectDeletions(owner, uids) {
      const { deletions } = entry(owner);
      for (const uid of uids) deletions.add(uid);
    },
    created(owner) {
      const known = owners.get(owner);
      if (known !== undefined) known.creations -= 1;
    },
    deleted(owner, uid) {
      owners.get(owner)?.deletions.delete(uid);
    },
    forget(owner) {
      owners.delete(owner);
    },
  };
}
