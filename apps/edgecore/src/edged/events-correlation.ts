import type { Event } from '@kubeedge-ts/apis';
import type { Clock } from '@kubeedge-ts/runtime';

/**
 * Keeps a node's events few, by the rules of Kubernetes' own clients: the same event again counts up the first one;
 * from the tenth different message of one reason in ten minutes on they count as one; and each object has a budget.
 * Undefined: over the budget, counted but not to be sent.
 */
export type EventCorrelation = (event: Event) => Event | undefined;

const SIMILAR_MAX = 10;
const SIMILAR_FOR_MS = 600_000;
const BURST = 25;
const REFILL_PER_MS = 1 / 300_000;
/** Objects, reasons and events remembered; the least recently seen are forgotten first. */
const MAX_REMEMBERED = 512;

interface Similar {
  readonly messages: Set<string>;
  readonly at: number;
}

interface Said {
  readonly name: string;
  readonly firstTimestamp: string | undefined;
  readonly count: number;
}

interface Budget {
  readonly tokens: number;
  readonly at: number;
}

export function createEventCorrelation(clock: Pick<Clock, 'monotonic'>): EventCorrelation {
  const similar = new Map<string, Similar>();
  const said = new Map<string, Said>();
  const budgets = new Map<string, Budget>();

  /** The event as it came, or one that stands for all similar ones; with the key it is counted under. */
  const aggregate = (event: Event, now: number): { event: Event; key: string } => {
    const reasonKey = keyOf(event, event.type, event.reason);
    const known = similar.get(reasonKey);
    const messages =
      known !== undefined && now - known.at <= SIMILAR_FOR_MS ? known.messages : new Set<string>();
    messages.add(event.message ?? '');
    remember(similar, reasonKey, { messages, at: now });
    if (messages.size < SIMILAR_MAX) {
      return {
        event,
        key: keyOf(event, event.involvedObject.fieldPath, event.type, event.reason, event.message),
      };
    }
    const [oldest] = messages;
    messages.delete(oldest as string);
    return {
      event: { ...event, message: `(combined from similar events): ${event.message}` },
      key: reasonKey,
    };
  };

  const countUp = (event: Event, key: string): Event => {
    const before = said.get(key);
    const counted =
      before === undefined
        ? event
        : {
            ...event,
            metadata: { ...event.metadata, name: before.name },
            firstTimestamp: before.firstTimestamp as string,
            count: before.count + 1,
          };
    remember(said, key, {
      name: counted.metadata.name,
      firstTimestamp: counted.firstTimestamp,
      count: counted.count ?? 1,
    });
    return counted;
  };

  const affordable = (event: Event, now: number): boolean => {
    const key = keyOf(event, event.type);
    const before = budgets.get(key) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, before.tokens + (now - before.at) * REFILL_PER_MS);
    const enough = tokens >= 1;
    remember(budgets, key, { tokens: enough ? tokens - 1 : tokens, at: now });
    return enough;
  };

  return (event) => {
    const now = clock.monotonic();
    const one = aggregate(event, now);
    const counted = countUp(one.event, one.key);
    return affordable(event, now) ? counted : undefined;
  };
}

function keyOf({ involvedObject: { kind, namespace, name, uid } }: Event, ...rest: unknown[]): string {
  return JSON.stringify([kind, namespace, name, uid, ...rest]);
}

/** Maps keep insertion order: what is set anew comes last, the first is the least recently seen. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_REMEMBERED) return;
  const [oldest] = map.keys();
  map.delete(oldest as string);
}
