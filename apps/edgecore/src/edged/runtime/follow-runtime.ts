import { type Clock, sleep } from '@kubeedge-ts/runtime';
import type { RuntimeWatch } from './runtime-info.ts';

const CHECK_MS = 5_000;
const RETRY_MS = 500;

/** Asks the runtime how it is until the signal aborts; says when its problem is another one, or gone. Never rejects. */
export async function followRuntime(
  runtime: Pick<RuntimeWatch, 'check' | 'info'>,
  changed: (works: boolean) => void,
  { clock }: { readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  let before: string | undefined = 'unknown';
  while (!signal.aborted) {
    const answers = await runtime.check(signal);
    const problem = runtime.info.runtimeProblem ?? runtime.info.networkProblem;
    if (problem !== before) changed(problem === undefined);
    before = problem;
    const waitMs = answers && problem === undefined ? CHECK_MS : RETRY_MS;
    await sleep(clock, waitMs, signal).catch(() => undefined);
  }
}
