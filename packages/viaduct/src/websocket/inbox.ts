/** What a connection received and its handler has not seen yet, in order. */
export type Incoming =
  | { readonly kind: 'frame'; readonly text: string }
  | { readonly kind: 'ping'; readonly payload: Buffer };

export interface Inbox {
  push(item: Incoming): void;
  shift(): Incoming | undefined;
  clear(): void;
  /** The lookahead is used up: the socket should pause. */
  readonly full: boolean;
  /** There is room again: the socket may resume. */
  readonly roomy: boolean;
}

const MAX_ITEMS = 64;
const MAX_LENGTH = 65_536;

/**
 * A lookahead of a few frames keeps the socket from being paused and resumed around every one of them. One chunk of
 * the socket may exceed it: what has been parsed cannot be put back.
 */
export function createInbox(): Inbox {
  let items: Incoming[] = [];
  let head = 0;
  let length = 0;
  const weight = (item: Incoming): number => (item.kind === 'frame' ? item.text.length : item.payload.length);
  const count = (): number => items.length - head;

  return {
    push(item) {
      items.push(item);
      length += weight(item);
    },
    shift() {
      const item = items[head];
      if (item === undefined) return undefined;
      head += 1;
      length -= weight(item);
      if (head === items.length) {
        items = [];
        head = 0;
      }
      return item;
    },
    clear() {
      items = [];
      head = 0;
      length = 0;
    },
    get full() {
      return count() >= MAX_ITEMS || length >= MAX_LENGTH;
    },
    get roomy() {
      return count() <= MAX_ITEMS / 2 && length <= MAX_LENGTH / 2;
    },
  };
}
