/** Things with a time each, the earliest first. A few hundred: an insertion by bisection is cheaper than it looks. */
export interface DueList<T> {
  /** Sets the time of the item, or moves it. */
  set(item: T, at: number): void;
  delete(item: T): void;
  /** The earliest time; undefined when empty. */
  readonly next: number | undefined;
  /** Takes the items that are due, in order. */
  takeDue(now: number): T[];
  readonly size: number;
}

export function createDueList<T>(): DueList<T> {
  /** The latest first, so that the earliest come off the end. */
  const entries: { readonly item: T; readonly at: number }[] = [];
  const times = new Map<T, number>();

  /** Index of the first entry that is not later than `at`. */
  const indexOf = (at: number): number => {
    let [low, high] = [0, entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const remove = (item: T): void => {
    const at = times.get(item);
    if (at === undefined) return;
    times.delete(item);
    let index = indexOf(at);
    while (entries[index]!.item !== item) index += 1;
    entries.splice(index, 1);
  };

  return {
    set(item, at) {
      remove(item);
      times.set(item, at);
      entries.splice(indexOf(at), 0, { item, at });
    },
    delete: remove,
    get next() {
      return entries.at(-1)?.at;
    },
    takeDue(now) {
      const due = entries.splice(indexOf(now)).reverse();
      for (const { item } of due) times.delete(item);
      return due.map(({ item }) => item);
    },
    get size() {
      return entries.length;
    },
  };
}
