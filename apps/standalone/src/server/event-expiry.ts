import { errorText } from '@kubeedge-ts/errors';
import type { ApiContext } from '../rest/api-request.ts';
import { textAt } from '../table/column.ts';

/** Events are kept this long after they happened last, as an API server does by default. */
const KEPT_MS = 3_600_000;
const INTERVAL_MS = 60_000;

/** Removes old events now and then. The returned function ends it. */
export function startEventExpiry(context: ApiContext): () => void {
  const { store, clock, log } = context;
  const sweep = (): void => {
    const oldest = clock.now() - KEPT_MS;
    for (const { key, revision, object } of store.list('events')) {
      const times = ['lastTimestamp', 'eventTime', 'firstTimestamp'].map((field) => textAt(object, field));
      const last = times.find((time) => time !== '') ?? object.metadata.creationTimestamp ?? '';
      const series = textAt(object, 'series', 'lastObservedTime');
      if (Math.max(Date.parse(last) || 0, Date.parse(series) || 0) < oldest) store.delete(key, revision);
    }
  };
  let cancel = clock.after(INTERVAL_MS, function again() {
    try {
      sweep();
    } catch (error) {
      log.warn({ err: errorText(error) }, 'old events were not removed');
    }
    cancel = clock.after(INTERVAL_MS, again);
  });
  return () => cancel();
}
