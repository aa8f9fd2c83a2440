import type { CrashBackoff } from './types.ts';

const FIRST_MS = 10_000;
const MAX_MS = 300_000;
/** A container that ran this long starts again at the beginning of the scale. */
const FORGET_AFTER_MS = 600_000;

/**
 * When a container that ended at `finishedAt` may start again. The first restart is immediate; from then on the
 * delay counts from the end of the last run (spec/edged.md §7).
 */
export function restartAllowedAt(backoff: CrashBackoff | undefined, finishedAt: number): number {
  if (backoff === undefined || expired(backoff, finishedAt)) return finishedAt;
  return finishedAt + backoff.delayMs;
}

/** The back-off after starting the container again at `now`. */
export function nextBackoff(
  backoff: CrashBackoff | undefined,
  finishedAt: number,
  now: number,
): CrashBackoff {
  const delayMs =
    backoff === undefined || expired(backoff, finishedAt) ? FIRST_MS : Math.min(MAX_MS, backoff.delayMs * 2);
  return { delayMs, updatedAt: now };
}

function expired(backoff: CrashBackoff, at: number): boolean {
  return at - backoff.updatedAt > FORGET_AFTER_MS;
}

/** Go's duration text of whole seconds: `10s`, `1m20s`, `5m0s`. */
export function goSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return minutes === 0 ? `${rest}s` : `${minutes}m${rest}s`;
}
