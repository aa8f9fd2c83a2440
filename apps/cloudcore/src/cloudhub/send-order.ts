/** Something that waits to be sent. The fields belong to `SendOrder`. */
export interface Waiting {
  /** When it became unconfirmed: smaller is earlier. 0: it is confirmed. */
  seq: number;
  /** `seq` under which it stands in a heap; 0: in none. */
  readyAs: number;
  /** Rank under which it is unconfirmed. */
  rank: number;
}

/**
 * Which of the waiting objects comes next. Causes come before effects: an object waits for all of a lower rank that
 * became unconfirmed before it. Deletes wait for nobody and go first, in their order.
 * All operations are O(log n) in the waiting objects.
 */
export interface SendOrder<T extends Waiting> {
  /** The edge lacks this; holds up higher ranks that come later. Keeps its place when it is unconfirmed already. */
  unconfirmed(item: T, rank: number): void;
  /** The edge has it, or nobody shall wait for it any more. */
  confirmed(item: T): void;
  /** It could be sent now, as far as it alone is concerned. */
  ready(item: T): void;
  readyDelete(item: T): void;
  /** Takes the next item out; those `sendable` refuses are dropped (whoever changes them calls `ready` again). */
  next(sendable: (item: T) => boolean): T | undefined;
  readonly unconfirmedCount: number;
}

interface Rank<T> {
  readonly rank: number;
  /** In the order of `seq`, since items are only ever added with the newest. */
  readonly unconfirmed: Set<T>;
  readonly heap: HeapNode<T>[];
}

interface HeapNode<T> {
  readonly seq: number;
  readonly item: T;
}

export function createSendOrder<T extends Waiting>(): SendOrder<T> {
  const ranks: Rank<T>[] = [];
  const deletes: HeapNode<T>[] = [];
  let lastSeq = 0;

  const rankOf = (rank: number): Rank<T> => {
    const index = ranks.findIndex((entry) => entry.rank >= rank);
    const found = ranks[index];
    if (found?.rank === rank) return found;
    const created: Rank<T> = { rank, unconfirmed: new Set(), heap: [] };
    ranks.splice(index === -1 ? ranks.length : index, 0, created);
    return created;
  };

  const enter = (heap: HeapNode<T>[], item: T): void => {
    if (item.seq === 0) item.seq = ++lastSeq;
    if (item.readyAs === item.seq) return;
    item.readyAs = item.seq;
    push(heap, { seq: item.seq, item });
  };

  /** The first node of the heap that still stands for its item. */
  const first = (heap: HeapNode<T>[], sendable: (item: T) => boolean): HeapNode<T> | undefined => {
    for (let node = heap[0]; node !== undefined; node = heap[0]) {
      if (node.item.readyAs === node.seq) {
        if (sendable(node.item)) return node;
        node.item.readyAs = 0;
      }
      pop(heap);
    }
    return undefined;
  };

  const take = (heap: HeapNode<T>[], node: HeapNode<T>): T => {
    pop(heap);
    node.item.readyAs = 0;
    return node.item;
  };

  return {
    unconfirmed(item, rank) {
      const set = rankOf(rank).unconfirmed;
      if (set.has(item)) return;
      if (item.rank !== rank) rankOf(item.rank).unconfirmed.delete(item);
      item.rank = rank;
      item.seq = ++lastSeq;
      item.readyAs = 0;
      set.add(item);
    },
    confirmed(item) {
      if (!rankOf(item.rank).unconfirmed.delete(item)) return;
      item.seq = 0;
      item.readyAs = 0;
    },
    ready: (item) => enter(rankOf(item.rank).heap, item),
    readyDelete: (item) => enter(deletes, item),
    next(sendable) {
      const removal = first(deletes, sendable);
      if (removal !== undefined) return take(deletes, removal);
      let barrier = Number.POSITIVE_INFINITY;
      for (const { unconfirmed, heap } of ranks) {
        const node = first(heap, sendable);
        if (node !== undefined && node.seq < barrier) return take(heap, node);
        const [oldest] = unconfirmed;
        if (oldest !== undefined) barrier = Math.min(barrier, oldest.seq);
      }
      return undefined;
    },
    get unconfirmedCount() {
      return ranks.reduce((sum, { unconfirmed }) => sum + unconfirmed.size, 0);
    },
  };
}

function push<T>(heap: HeapNode<T>[], node: HeapNode<T>): void {
  let at = heap.length;
  heap.push(node);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as HeapNode<T>;
    if (above.seq <= node.seq) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = node;
}

function pop<T>(heap: HeapNode<T>[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    const right = heap[child + 1];
    if (right !== undefined && right.seq < (heap[child] as HeapNode<T>).seq) child += 1;
    const below = heap[child];
    if (below === undefined || below.seq >= last.seq) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
}
