import {
  EDGE_MODULES,
  GROUPS,
  type Message,
  type MessageOrigin,
  newMessage,
  resourcePath,
} from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type { EventRow } from './event-rows.ts';
import { isUndecided, reasonOf } from './object-access.ts';
import type { Remote } from './remote.ts';

export type EventOutcome =
  /** The cloud has it. */
  | { readonly is: 'told' }
  /** The cloud will never take it. */
  | { readonly is: 'refused'; readonly reason: string }
  /** To be said again; `patient`: the cause is the cloud's state, not this event. */
  | { readonly is: 'failed'; readonly patient: boolean; readonly error: unknown };

export interface EventSender {
  /** How many events one call may carry. */
  readonly batch: number;
  /** Sends in this order; the outcome is that of all. Never rejects. */
  send(rows: readonly EventRow[]): Promise<EventOutcome>;
}

/** An answer takes the cloud two or three API calls, at its own pace for events. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Events an upstream cloud gets before a ping proves that it has received them. */
const UNANSWERED_BATCH = 16;

/** Its namespace or its pod is gone, or it is not the API's idea of an event. */
const FINAL: ReadonlySet<unknown> = new Set([
  'Forbidden',
  'NotFound',
  'Invalid',
  'BadRequest',
  'Gone',
  'MethodNotAllowed',
  'NotAcceptable',
  'RequestEntityTooLarge',
  'UnsupportedMediaType',
]);

/**
 * Tells the cloud events (spec/message-protocol.md §3.2). Ours answers each of them; an upstream one answers none, there
 * the answer to a ping sent afterwards proves that they were received (DESIGN §6).
 */
export function createEventSender(options: {
  readonly remote: Pick<Remote, 'ask' | 'offers'>;
  readonly deliver: (messages: readonly Message[]) => Promise<void>;
  readonly origin: MessageOrigin;
}): EventSender {
  const { remote, deliver, origin } = options;
  const answered = (): boolean => remote.offers('event-answers');

  const ask = async ({ operation, namespace, name, text }: EventRow): Promise<void> => {
    const resource = resourcePath('event', namespace, name);
    const content: unknown = JSON.parse(text);
    await remote.ask({ operation, resource, content, timeoutMs: ANSWER_TIMEOUT_MS, acknowledged: false });
  };

  const messageOf = ({ operation, namespace, name, text }: EventRow): Message =>
    newMessage(origin, {
      source: EDGE_MODULES.edged,
      group: GROUPS.meta,
      operation,
      resource: resourcePath('event', namespace, name),
      content: JSON.parse(text),
    });

  return {
    get batch() {
      return answered() ? 1 : UNANSWERED_BATCH;
    },
    async send(rows) {
      try {
        if (answered()) for (const row of rows) await ask(row);
        else await deliver(rows.map(messageOf));
        return { is: 'told' };
      } catch (error) {
        return outcomeOf(error);
      }
    },
  };
}

function outcomeOf(error: unknown): EventOutcome {
  const reason = reasonOf(error);
  // It arrived before, and the answer was lost.
  if (reason === 'AlreadyExists') return { is: 'told' };
  if (FINAL.has(reason)) {
    const problem = isKubeEdgeError(error) ? String(error.details['problem'] ?? '') : '';
    return { is: 'refused', reason: `${reason} ${problem}`.trim() };
  }
  return { is: 'failed', patient: isUndecided(error), error };
}
