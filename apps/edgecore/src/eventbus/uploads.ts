import { isUtf8 } from 'node:buffer';
import {
  EDGE_MODULES,
  GROUPS,
  type Message,
  type MessageOrigin,
  newMessage,
  OPERATIONS,
} from '@kubeedge-ts/apis';
import { deviceErrors, errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { Intake } from './port.ts';

/** User data on its way to the cloud (spec/mqtt-and-devicetwin.md §7). */
export interface Uploads {
  /** `done` is called when EdgeHub has the message, or when it was given up. */
  accept(message: Intake, done: () => void): void;
}

export interface UploadsOptions {
  readonly send: (message: Message) => Promise<void>;
  readonly origin: MessageOrigin;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Uploads EdgeHub has not taken yet; more are dropped, so that user data never holds back device data. */
const MAX_WAITING = 256;
const MAX_WAITING_BYTES = 8_388_608;
const WARN_EVERY_MS = 10_000;

export function createUploads({ send, origin, clock, log }: UploadsOptions): Uploads {
  let waiting = 0;
  let waitingBytes = 0;
  let dropped = 0;
  let warnedAt = Number.NEGATIVE_INFINITY;

  const drop = (topic: string): void => {
    dropped += 1;
    if (clock.monotonic() - warnedAt < WARN_EVERY_MS) return;
    warnedAt = clock.monotonic();
    const error = deviceErrors.create('EVENTBUS_UPLOADS_FULL', { topic, waiting });
    log.warn({ code: error.code, topic: topic.slice(0, 256), waiting, dropped }, 'uploads dropped');
  };

  const refuse = ({ topic, payload, size }: Intake): void => {
    const error =
      payload === undefined
        ? deviceErrors.create('DEVICE_PAYLOAD_TOO_LARGE', { topic, size, limit: 1_048_576 })
        : deviceErrors.create('DEVICE_PAYLOAD_INVALID', { topic, reason: 'not valid UTF-8' });
    log.warn({ code: error.code, topic: topic.slice(0, 256), size }, 'upload refused');
  };

  return {
    accept(message, done) {
      const { topic, payload, size } = message;
      if (payload === undefined || !isUtf8(payload)) {
        refuse(message);
        done();
        return;
      }
      if (waiting >= MAX_WAITING || waitingBytes + size > MAX_WAITING_BYTES) {
        drop(topic);
        done();
        return;
      }
      waiting += 1;
      waitingBytes += size;
      send(
        newMessage(origin, {
          source: GROUPS.bus,
          group: GROUPS.user,
          operation: OPERATIONS.upload,
          resource: topic,
          content: payload.toString('utf8'),
        }),
      )
        .catch((error) =>
          log.warn({ topic, err: errorText(error), module: EDGE_MODULES.edgeHub }, 'upload failed'),
        )
        .finally(() => {
          waiting -= 1;
          waitingBytes -= size;
          done();
        });
    },
  };
}
