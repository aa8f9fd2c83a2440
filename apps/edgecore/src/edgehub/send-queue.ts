import { INVENTORY_RESOURCE, type Message, parseResource } from '@kubeedge-ts/apis';
import { type Deferred, deferred } from '@kubeedge-ts/runtime';

/**
 * What goes first when the uplink is slow (DESIGN §6): 0 heartbeat, lease and node status, and the inventory, which the
 * cloud waits for before it delivers anything; 1 acks, pod status and queries; 2 twins and events; 3 user data.
 */
export type Priority = 0 | 1 | 2 | 3;

const NODE_TYPES: ReadonlySet<string> = new Set(['lease', 'node', 'nodepatch', 'nodestatus']);

export function priorityOf({ route }: Message): Priority {
  const { source, group, operation } = route;
  if (route.resource === INVENTORY_RESOURCE) return 0;
  if (group === 'user' || operation === 'upload') return 3;
  if (operation === 'response' || operation === 'error') return 1;
  const { type } = parseResource(route.resource ?? '');
  if (NODE_TYPES.has(type)) return 0;
  return source === 'twin' || type === 'event' ? 2 : 1;
}

/** Messages on their way to the cloud: bounded, by priority, in order within a priority. One reader. */
export interface SendQueue {
  /** False when the class is full. */
  push(message: Message): boolean;
  /** The next message; undefined when the signal aborts. */
  take(signal: AbortSignal): Promise<Message | undefined>;
  /** Takes out everything. */
  drain(): Message[];
  readonly size: number;
}

export function createSendQueue(maxPerPriority: number): SendQueue {
  const classes: Message[][] = [[], [], [], []];
  let reader: Deferred | undefined;

  const next = (): Message | undefined => classes.find((queue) => queue.length > 0)?.shift();

  return {
    get size() {
      return classes.reduce((sum, queue) => sum + queue.length, 0);
    },
    push(message) {
      const queue = classes[priorityOf(message)] as Message[];
      if (queue.length >= maxPerPriority) return false;
      queue.push(message);
      reader?.resolve();
      return true;
    },
    async take(signal) {
      for (;;) {
        if (signal.aborted) return undefined;
        const message = next();
        if (message !== undefined) return message;
        reader = deferred();
        const wake = reader;
        const onAbort = (): void => wake.resolve();
        signal.addEventListener('abort', onAbort, { once: true });
        await wake.promise;
        signal.removeEventListener('abort', onAbort);
      }
    },
    drain: () => classes.flatMap((queue) => queue.splice(0)),
  };
}
