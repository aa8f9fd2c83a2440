/** Nodes to be computed anew. */
export interface NodeMarks {
  mark(node: string): void;
  /** Computes the marked nodes now, if it is time. */
  flush(): void;
  end(): void;
}

/**
 * Level-triggered: a change only marks its node. Marks of one turn are worked on together, since one list of an
 * informer marks many nodes at once; while `isReady` says no they are kept.
 */
export function createNodeMarks(
  isReady: () => boolean,
  reconcile: (node: string) => void,
  after: () => void,
): NodeMarks {
  const marked = new Set<string>();
  let scheduled = false;
  let ended = false;
  const flush = (): void => {
    scheduled = false;
    if (ended || !isReady()) return;
    for (const node of marked) {
      marked.delete(node);
      reconcile(node);
    }
    after();
  };
  return {
    mark(node) {
      marked.add(node);
      if (scheduled) return;
      scheduled = true;
      queueMicrotask(flush);
    },
    flush,
    end() {
      ended = true;
    },
  };
}
