import {
  EDGE_MODULES,
  encodeMessage,
  GROUPS,
  type Message,
  type MessageOrigin,
  newMessage,
  OPERATIONS,
} from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import { type Connection, watchLiveness } from '@kubeedge-ts/viaduct';
import type { SendQueue } from './send-queue.ts';

export interface SessionOptions {
  readonly connection: Connection;
  readonly queue: SendQueue;
  /** Milliseconds between keepalives. */
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly origin: MessageOrigin;
  readonly log: Logger;
  /** A message that was taken from the queue and not written. */
  readonly unsent: (message: Message, problem: string) => void;
  /** A message was handed to the socket. */
  readonly written: (message: Message) => void;
}

/** The keepalive as upstream sends it (spec/message-protocol.md §2.3). */
export function keepalive(origin: MessageOrigin): Message {
  return newMessage(origin, {
    source: EDGE_MODULES.edgeHub,
    group: GROUPS.resource,
    operation: OPERATIONS.keepalive,
    resource: 'node',
    content: 'ping',
  });
}

/**
 * The sending half of one connection: a keepalive at once and every heartbeat, then what the queue holds, most urgent
 * first. A peer that answers no ping for three heartbeats is given up. Ends with the connection.
 */
export function startSession(options: SessionOptions): void {
  const { connection, queue, heartbeatMs, clock, origin, log, unsent, written } = options;
  const ended = new AbortController();
  let cancelBeat = (): void => {};
  void connection.closed.then(() => {
    ended.abort();
    cancelBeat();
  });

  const beat = (): void => {
    if (ended.signal.aborted) return;
    const message = keepalive(origin);
    if (!queue.push(message))
      log.warn({ waiting: queue.size }, 'send queue is full, a keepalive was left out');
    cancelBeat = clock.after(heartbeatMs, beat);
  };

  const write = async (): Promise<void> => {
    for (;;) {
      const message = await queue.take(ended.signal);
      if (message === undefined) return;
      try {
        await connection.send(encodeMessage(message));
        written(message);
      } catch (error) {
        // An oversized message fails alone; a closed connection ends this loop through its signal.
        unsent(message, errorText(error));
      }
    }
  };

  beat();
  void write();
  void watchLiveness(connection, { clock, intervalMs: heartbeatMs, timeoutMs: 3 * heartbeatMs });
}
