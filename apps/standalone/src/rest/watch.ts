import type { UnknownObject } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { groupVersion, type ResourceDefinition } from '../registry/types.ts';
import type { StoreEvent } from '../storage/index.ts';
import { badRequest, expired, revisionTooLarge, statusOf } from './api-error.ts';
import type { ApiContext, ApiRequest, StreamResponse } from './api-request.ts';
import { checkListParameters, parseRevision } from './revision-match.ts';
import { type Selection, selectionOf } from './selection.ts';

/** Turns one object of an event into what is sent, e.g. a Table. */
export type Presentation = (object: UnknownObject) => unknown;

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: UnknownObject;
}

const BOOKMARK_INTERVAL_MS = 60_000;
const MIN_TIMEOUT_SECONDS = 1800;
/** Events that may wait for a conversion before the watch is dropped. */
const QUEUE_LIMIT = 10_000;

/** GET with watch: the current state or the changes since a version, then everything that happens. */
export function handleWatch(context: ApiContext, request: ApiRequest, present: Presentation): StreamResponse {
  const { definition, info, query } = request;
  checkListParameters(query, true);
  if (query.get('continue')) throw badRequest('continue is forbidden for watch');
  const selection = selectionOf(query, definition, info.name);
  const since = parseRevision(query.get('resourceVersion')) ?? 0;
  if (since > context.store.revision) throw revisionTooLarge(since, context.store.revision);
  const timeoutMs = timeoutOf(query, context) * 1000;
  const bookmarks = ['true', '1'].includes(query.get('allowWatchBookmarks') ?? '');
  const namespace = definition.namespaced ? info.namespace : '';
  const inScope = (event: StoreEvent): boolean => namespace === '' || event.key.namespace === namespace;

  return {
    start(write, end) {
      const feed = createFeed(context, definition, present, write, end);
      if (since > 0 && since < context.store.compacted) {
        feed.fail(expired(`too old resource version: ${since} (${context.store.compacted})`));
        return feed.stop;
      }
      const unsubscribe = context.store.subscribe(definition.storage, (event) => {
        if (inScope(event)) feed.push(selected(event, selection), event.revision);
      });
      if (since === 0) {
        const current = context.store.list(definition.storage, namespace === '' ? undefined : namespace);
        for (const { object, revision } of current) {
          if (selection.matches(object)) feed.push({ type: 'ADDED', object }, revision);
        }
      } else {
        for (const event of context.store.since(definition.storage, since)) {
          if (inScope(event)) feed.push(selected(event, selection), event.revision);
        }
      }
      const stopBookmarks = bookmarks
        ? every(context.clock, BOOKMARK_INTERVAL_MS, () => feed.bookmark())
        : () => {};
      const cancelTimeout = context.clock.after(timeoutMs, () => {
        if (bookmarks) feed.bookmark();
        feed.finish();
      });
      return () => {
        unsubscribe();
        stopBookmarks();
        cancelTimeout();
        feed.stop();
      };
    },
  };
}

function timeoutOf(query: URLSearchParams, context: ApiContext): number {
  const asked = query.get('timeoutSeconds') ?? '';
  if (asked === '' || asked === '0') return MIN_TIMEOUT_SECONDS * (1 + context.random.next());
  if (!/^\d{1,9}$/.test(asked)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(asked)}: invalid syntax`);
  }
  return Math.min(Number(asked), 86_400);
}

/** What a change means to somebody who sees only the selected objects. */
export function selected(event: StoreEvent, selection: Selection): WatchEvent | undefined {
  const { type, object, previous } = event;
  if (selection.everything) return { type, object };
  const before = previous !== undefined && selection.matches(previous);
  if (type === 'DELETED') return before ? { type, object } : undefined;
  const now = selection.matches(object);
  if (before && now) return { type: 'MODIFIED', object };
  if (now) return { type: 'ADDED', object };
  if (!before || previous === undefined) return undefined;
  const metadata = { ...previous.metadata, resourceVersion: String(event.revision) };
  return { type: 'DELETED', object: { ...previous, metadata } };
}

interface Feed {
  push(event: WatchEvent | undefined, revision: number): void;
  bookmark(): void;
  fail(error: unknown): void;
  finish(): void;
  stop(): void;
}

/** Sends events in order; a conversion in progress holds back the events after it. */
function createFeed(
  context: ApiContext,
  definition: ResourceDefinition,
  present: Presentation,
  write: (line: string) => boolean,
  end: () => void,
): Feed {
  const queue: (() => void | Promise<void>)[] = [];
  let running = false;
  let stopped = false;
  /** Newest revision everything up to which was sent. */
  let sent = context.store.revision;

  const close = (): void => {
    if (stopped) return;
    stopped = true;
    end();
  };
  const send = (type: string, object: unknown): void => {
    if (!stopped && !write(`${JSON.stringify({ type, object })}\n`)) close();
  };
  const fail = (error: unknown): void => {
    send('ERROR', statusOf(error));
    close();
  };
  const drain = async (first: Promise<void>): Promise<void> => {
    running = true;
    try {
      await first;
      for (let task = queue.shift(); task !== undefined && !stopped; task = queue.shift()) await task();
    } catch (error) {
      context.log.warn({ resource: definition.storage, err: errorText(error) }, 'watch ended by an error');
      fail(error);
    } finally {
      running = false;
    }
  };
  const schedule = (task: () => void | Promise<void>): void => {
    if (stopped) return;
    if (running) {
      if (queue.length >= QUEUE_LIMIT) close();
      else queue.push(task);
      return;
    }
    const pending = task();
    if (pending !== undefined) void drain(pending);
  };
  return {
    push(event, revision) {
      schedule(() => {
        if (event === undefined) {
          sent = revision;
          return undefined;
        }
        const deliver = (objects: readonly UnknownObject[]): void => {
          send(event.type, present(objects[0] ?? event.object));
          sent = revision;
        };
        const converted = definition.codec.fromStorage([event.object]);
        if (converted instanceof Promise) return converted.then(deliver);
        deliver(converted);
        return undefined;
      });
    },
    bookmark() {
      schedule(() => {
        // With nothing waiting, every change of the resource up to now was sent.
        const revision = queue.length === 0 ? context.store.revision : sent;
        const metadata = { resourceVersion: String(revision), creationTimestamp: null };
        send('BOOKMARK', {
          kind: definition.kind,
          apiVersion: groupVersion(definition),
          metadata,
        });
      });
    },
    fail,
    finish: () => schedule(close),
    stop() {
      stopped = true;
      queue.length = 0;
    },
  };
}

function every(clock: Clock, ms: number, task: () => void): () => void {
  let cancel = clock.after(ms, function again() {
    task();
    cancel = clock.after(ms, again);
  });
  return () => cancel();
}
