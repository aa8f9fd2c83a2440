import type { Clock } from '@kubeedge-ts/runtime';
import { PING_EVERY_MS, SILENT_AFTER_MS } from './protocol.ts';

export interface SilenceOptions {
  readonly clock: Clock;
  /** Bytes received so far. */
  readonly received: () => number;
  /** Called every 15 s: time for a ping. */
  readonly beat?: () => void;
  /** Called once, when nothing has been received for 45 s. */
  readonly onSilent: () => void;
}

/**
 * Notices a peer that has vanished without a word. Any byte is a sign of life: a ping's answer may wait behind much
 * else on a slow link. One timer. Returns its end.
 */
export function watchSilence({ clock, received, beat, onSilent }: SilenceOptions): () => void {
  let seen = received();
  let since = clock.monotonic();
  let cancel = (): void => {};
  const look = (): void => {
    const now = clock.monotonic();
    const count = received();
    if (count !== seen) {
      seen = count;
      since = now;
    }
    if (now - since >= SILENT_AFTER_MS) {
      onSilent();
      return;
    }
    cancel = clock.after(PING_EVERY_MS, look);
    beat?.();
  };
  cancel = clock.after(PING_EVERY_MS, look);
  return () => cancel();
}
