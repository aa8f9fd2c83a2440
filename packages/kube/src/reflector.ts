import type { KubeObject, Resource } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import { isGone } from './status.ts';
import type { KubeClient, ListOptions, WatchEvent } from './types.ts';

export interface ReflectorPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ReflectorSink<T extends KubeObject> {
  /** The complete content of a list. */
  replace(objects: readonly T[], resourceVersion: string): void;
  event(event: WatchEvent<T>): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly selection: Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;
  /** Applied to the objects of each page as they arrive. */
  readonly transform: (object: T) => T;
}

const PAGE = 500;
const WATCH_SECONDS = { min: 270, spread: 40 };
/** A watch that ends sooner did not work properly; the next one waits. */
const SHORT_WATCH_MS = 1000;
/** A watch that lived so long has worked, even if nothing happened. */
const LONG_WATCH_MS = 30_000;
/** After so many failed watches in a row without an event, list again: the position itself may be the trouble. */
const WATCH_FAILURES_BEFORE_LIST = 10;

/**
 * Follows a resource until the signal aborts: list in pages, then watch after watch from the last resourceVersion.
 * Lists again only when the server has forgotten that version (410), or when watches keep failing. Never throws.
 */
export async function reflect<T extends KubeObject>(
  client: Pick<KubeClient, 'list' | 'watch'>,
  options: ReflectorOptions<T>,
  sink: ReflectorSink<T>,
  ports: ReflectorPorts,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, log } = ports;
  const resource = options.resource.plural;
  const backoff = createBackoff({ initialMs: 800, maxMs: 30_000 }, random);
  let position: string | undefined;
  let failures = 0;

  const progress = (): void => {
    failures = 0;
    backoff.reset();
  };

  while (!signal.aborted) {
    let watchingSinceMs = Number.POSITIVE_INFINITY;
    try {
      if (position === undefined) {
        const { items, resourceVersion } = await listAll(client, options, signal);
        sink.replace(items, resourceVersion);
        position = resourceVersion;
      }
      watchingSinceMs = clock.monotonic();
      for await (const event of watchFrom(client, options, position, random, signal)) {
        position = event.object.metadata.resourceVersion || position;
        progress();
        sink.event(event);
      }
      progress();
      if (clock.monotonic() - watchingSinceMs < SHORT_WATCH_MS) await sleep(clock, backoff.next(), signal);
    } catch (error) {
      if (signal.aborted) return;
      if (clock.monotonic() - watchingSinceMs > LONG_WATCH_MS) progress();
      failures += 1;
      if (isGone(error)) {
        log.info({ resource, resourceVersion: position }, 'resource version too old, listing again');
        position = undefined;
        // The first relist is due at once; a server that keeps answering 410 must not be hammered.
        if (failures === 1) continue;
      } else if (failures > WATCH_FAILURES_BEFORE_LIST || isKubeEdgeError(error, 'KUBE_RESPONSE_INVALID')) {
        position = undefined;
      }
      const delayMs = backoff.next();
      log.warn({ resource, err: errorText(error), failures, delayMs }, 'list or watch failed, will retry');
      // An abort ends the sleep and then the loop.
      await sleep(clock, delayMs, signal).catch(() => undefined);
    }
  }
}

async function listAll<T extends KubeObject>(
  client: Pick<KubeClient, 'list'>,
  { resource, selection, transform }: ReflectorOptions<T>,
  signal: AbortSignal,
): Promise<{ items: T[]; resourceVersion: string }> {
  const items: T[] = [];
  let next: string | undefined;
  let resourceVersion = '';
  do {
    const page = await client.list(resource, { ...selection, limit: PAGE, continue: next, signal });
    for (const item of page.items) items.push(transform(item));
    // The first page's version: later pages of some servers carry newer ones, whose changes the list lacks.
    resourceVersion ||= page.metadata.resourceVersion ?? '';
    next = page.metadata.continue || undefined;
  } while (next !== undefined);
  return { items, resourceVersion };
}

function watchFrom<T extends KubeObject>(
  client: Pick<KubeClient, 'watch'>,
  { resource, selection }: ReflectorOptions<T>,
  resourceVersion: string,
  random: Random,
  signal: AbortSignal,
): AsyncIterable<WatchEvent<T>> {
  return client.watch(resource, {
    ...selection,
    resourceVersion,
    allowWatchBookmarks: true,
    timeoutSeconds: WATCH_SECONDS.min + Math.floor(random.next() * WATCH_SECONDS.spread),
    signal,
  });
}
