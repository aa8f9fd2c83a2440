import type { ContainerEventResponse, Init } from '@kubeedge-ts/cri';

type Event = Init<ContainerEventResponse>;

/** What happened to containers, to everyone who listens. */
export interface Events {
  emit(event: Event): void;
  /** Until the signal aborts. Nothing that happened before is in it. */
  listen(signal: AbortSignal): AsyncIterable<Event>;
}

export function createEvents(): Events {
  const listeners = new Set<(event: Event) => void>();
  return {
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
    listen(signal) {
      const queue: Event[] = [];
      let wake: (() => void) | undefined;
      const listener = (event: Event): void => {
        queue.push(event);
        wake?.();
      };
      listeners.add(listener);
      signal.addEventListener('abort', () => {
        listeners.delete(listener);
        wake?.();
      });
      return (async function* () {
        while (!signal.aborted) {
          const next = queue.shift();
          if (next !== undefined) yield next;
          else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      })();
    },
  };
}
