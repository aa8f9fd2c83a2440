import type { Clock } from '@kubeedge-ts/runtime';
import { sendText } from './http-answers.ts';
import type { Answer } from './kubelet-api.ts';
import { refusal } from './refusal.ts';

export interface HealthOptions {
  /** Monotonic ms of the last round of the sync loop; undefined before the first. */
  readonly syncLoopSeenAt: () => number | undefined;
  /** spec/edged.md §2.2 */
  readonly syncStaleMs: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** `/healthz` runs every check, `/healthz/<check>` one; undefined is health. */
export function createHealthAnswer({ syncLoopSeenAt, syncStaleMs, clock }: HealthOptions): Answer {
  const checks: Readonly<Record<string, () => string | undefined>> = {
    ping: () => undefined,
    // log lines are written as they come: nothing that could be stuck
    log: () => undefined,
    syncloop: () => {
      const seenAt = syncLoopSeenAt();
      const stale = seenAt !== undefined && clock.monotonic() - seenAt > syncStaleMs;
      return stale ? 'sync Loop took longer than expected' : undefined;
    },
  };
  return ({ params, query }, response) => {
    const { check } = params;
    if (check !== undefined) {
      if (!Object.hasOwn(checks, check)) throw refusal(404, '404 page not found');
      const problem = checks[check]?.();
      if (problem === undefined) sendText(response, 200, 'ok');
      else sendText(response, 500, `internal server error: ${problem}\n`);
      return;
    }
    const outcomes = Object.entries(checks).map(([name, run]) => ({ name, problem: run() }));
    const lines = outcomes.map(({ name, problem }) =>
      problem === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${problem}\n`,
    );
    const healthy = outcomes.every(({ problem }) => problem === undefined);
    if (healthy && !query.has('verbose')) sendText(response, 200, 'ok');
    else
      sendText(
        response,
        healthy ? 200 : 500,
        `${lines.join('')}healthz check ${healthy ? 'passed' : 'failed'}\n`,
      );
  };
}
