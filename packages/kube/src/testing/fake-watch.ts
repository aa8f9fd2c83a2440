import type { KubeObject, UnknownObject } from '@kubeedge-ts/apis';
import { type Deferred, deferred } from '@kubeedge-ts/runtime';
import { failure, statusError } from '../status.ts';
import type { WatchEvent } from '../types.ts';
import { type FakeStore, type StoreEvent, wireCopy } from './fake-store.ts';

export interface FakeWatchOptions {
  readonly collection: string;
  readonly matches: (object: UnknownObject) => boolean;
  /** Empty or "0": existing objects are sent as ADDED first. */
  readonly resourceVersion: string;
  readonly bookmarks: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface FakeWatch {
  readonly collection: string;
  readonly events: AsyncGenerator<WatchEvent<KubeObject>, void, void>;
  end(): void;
  fail(error: unknown): void;
  bookmark(): void;
}

/** One watch over the store, with the transitions a selector causes (a change can be an ADDED or a DELETED). */
export function openFakeWatch(store: FakeStore, options: FakeWatchOptions, onClose: () => void): FakeWatch {
  const queue: WatchEvent<KubeObject>[] = [];
  let cursor = store.version;
  let outcome: { error: unknown } | 'ended' | undefined;
  let waiting: Deferred | undefined;

  const wake = (): void => {
    waiting?.resolve();
    waiting = undefined;
  };
  const pull = (): void => {
    for (const event of store.since(cursor)) {
      const seen = transition(event, options);
      if (seen !== undefined) queue.push(seen);
    }
    cursor = Math.max(cursor, store.version);
    wake();
  };

  if (options.resourceVersion === '' || options.resourceVersion === '0') {
    for (const object of store.all(options.collection).filter(options.matches)) {
      queue.push({ type: 'ADDED', object: wireCopy(object) });
    }
  } else {
    cursor = Number(options.resourceVersion);
    if (cursor < store.compacted) {
      const message = `too old resource version: ${cursor} (${store.compacted})`;
      outcome = {
        error: statusError(failure(410, message, { reason: 'Expired' }), {
          method: 'WATCH',
          path: options.collection,
        }),
      };
    } else pull();
  }

  const unsubscribe = store.subscribe(pull);
  const onAbort = (): void => {
    outcome = { error: options.signal?.reason };
    queue.length = 0;
    wake();
  };
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener('abort', onAbort, { once: true });

  async function* events(): AsyncGenerator<WatchEvent<KubeObject>, void, void> {
    try {
      for (;;) {
        const next = queue.shift();
        if (next !== undefined) yield next;
        else if (outcome === 'ended') return;
        else if (outcome !== undefined) throw outcome.error;
        else {
          waiting = deferred();
          await waiting.promise;
        }
      }
    } finally {
      unsubscribe();
      options.signal?.removeEventListener('abort', onAbort);
      onClose();
    }
  }

  return {
    collection: options.collection,
    events: events(),
    end() {
      outcome ??= 'ended';
      wake();
    },
    fail(error) {
      outcome ??= { error };
      wake();
    },
    bookmark() {
      if (!options.bookmarks) return;
      queue.push({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(cursor) } } });
      wake();
    },
  };
}

function transition(event: StoreEvent, options: FakeWatchOptions): WatchEvent<KubeObject> | undefined {
  if (event.collection !== options.collection) return undefined;
  const before = event.previous !== undefined && options.matches(event.previous);
  const after = event.type !== 'DELETED' && options.matches(event.object);
  if (!before && !after) return undefined;
  const object = wireCopy(event.object);
  if (!before) return { type: 'ADDED', object };
  return { type: after ? 'MODIFIED' : 'DELETED', object };
}
