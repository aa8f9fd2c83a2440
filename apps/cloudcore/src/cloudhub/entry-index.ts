import type { ObjectIdentity } from './object-kind.ts';
import { type Entry, newEntry } from './queue-entry.ts';

/** The objects of one node by UID, and which of them share a key. */
export interface EntryIndex {
  get(uid: string): Entry | undefined;
  /** The entry of this object, made where there is none. */
  obtain(object: ObjectIdentity): Entry;
  remove(entry: Entry): void;
  /** Other objects of the same key: nearly always none. */
  siblings(entry: Entry): readonly Entry[];
  /** As of now: entries may be added and removed while the list is gone through. */
  all(): readonly Entry[];
  readonly size: number;
}

const NONE: readonly Entry[] = [];

export function createEntryIndex(): EntryIndex {
  const entries = new Map<string, Entry>();
  /** Only keys that several entries share have a list. */
  const keys = new Map<string, Entry | readonly Entry[]>();

  return {
    get: (uid) => entries.get(uid),
    obtain(object) {
      const known = entries.get(object.uid);
      if (known !== undefined) return known;
      const entry = newEntry(object);
      entries.set(object.uid, entry);
      const sharing = keys.get(entry.key);
      if (sharing === undefined) keys.set(entry.key, entry);
      else keys.set(entry.key, [...('key' in sharing ? [sharing] : sharing), entry]);
      return entry;
    },
    remove(entry) {
      entries.delete(entry.object.uid);
      const sharing = keys.get(entry.key);
      if (sharing === undefined || 'key' in sharing) keys.delete(entry.key);
      else {
        const [only, ...more] = sharing.filter((other) => other !== entry);
        if (only !== undefined) keys.set(entry.key, more.length === 0 ? only : [only, ...more]);
      }
    },
    siblings(entry) {
      const sharing = keys.get(entry.key);
      if (sharing === undefined || 'key' in sharing) return NONE;
      return sharing.filter((other) => other !== entry);
    },
    all: () => [...entries.values()],
    get size() {
      return entries.size;
    },
  };
}
