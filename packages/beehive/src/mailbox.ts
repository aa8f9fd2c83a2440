import { messageErrors } from '@kubeedge-ts/errors';
import { type Deferred, deferred } from '@kubeedge-ts/runtime';

/**
 * What a full mailbox does with one more message:
 * `wait`: the sender's promise stays pending until there is room; `reject`: it fails with MESSAGE_MAILBOX_FULL.
 * Nothing is ever dropped silently.
 */
export type Overflow = 'wait' | 'reject';

export interface MailboxOptions {
  readonly module: string;
  readonly capacity: number;
  readonly overflow: Overflow;
}

/** A bounded first-in-first-out queue with one reader. */
export interface Mailbox<T> {
  readonly size: number;
  /** Resolves when the item is in the mailbox. @throws KubeEdgeError MESSAGE_MAILBOX_FULL, MESSAGE_MODULE_UNKNOWN (closed) */
  put(item: T): Promise<void>;
  /** The next item; undefined once the mailbox is closed and empty. */
  take(): Promise<T | undefined>;
  /** No more items are accepted; waiting senders fail, what is inside can still be taken. */
  close(): void;
}

export function createMailbox<T>(options: MailboxOptions): Mailbox<T> {
  const { module, capacity, overflow } = options;
  const items: T[] = [];
  let head = 0;
  let reader: Deferred<T | undefined> | undefined;
  const writers: { item: T; accepted: Deferred }[] = [];
  let closed = false;

  const size = (): number => items.length - head;
  const shift = (): T => {
    const item = items[head] as T;
    items[head] = undefined as T;
    head += 1;
    if (head > 1024 && head * 2 > items.length) {
      items.splice(0, head);
      head = 0;
    }
    return item;
  };

  return {
    get size() {
      return size();
    },
    put(item) {
      if (closed) return Promise.reject(messageErrors.create('MESSAGE_MODULE_UNKNOWN', { module }));
      if (reader !== undefined) {
        const waiting = reader;
        reader = undefined;
        waiting.resolve(item);
        return Promise.resolve();
      }
      if (size() < capacity) {
        items.push(item);
        return Promise.resolve();
      }
      if (overflow === 'reject') {
        return Promise.reject(messageErrors.create('MESSAGE_MAILBOX_FULL', { module, capacity }));
      }
      const accepted = deferred();
      writers.push({ item, accepted });
      return accepted.promise;
    },
    take() {
      if (size() > 0) {
        const item = shift();
        const writer = writers.shift();
        if (writer !== undefined) {
          items.push(writer.item);
          writer.accepted.resolve();
        }
        return Promise.resolve(item);
      }
      if (closed) return Promise.resolve(undefined);
      if (reader !== undefined) return Promise.reject(new TypeError(`mailbox of ${module} has two readers`));
      reader = deferred();
      return reader.promise;
    },
    close() {
      if (closed) return;
      closed = true;
      reader?.resolve(undefined);
      reader = undefined;
      for (const writer of writers.splice(0)) {
        writer.accepted.reject(messageErrors.create('MESSAGE_MODULE_UNKNOWN', { module }));
      }
    },
  };
}
