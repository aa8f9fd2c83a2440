import type { Container } from '@kubeedge-ts/apis';
import { type Role, restartsAfter, runsOf } from './container-status.ts';
import { restartAllowedAt } from './crash-backoff.ts';
import { stopOf } from './end-pod.ts';
import { imageChanged } from './image-match.ts';
import { restartPolicyOf } from './spec.ts';
import type { PodState, RuntimeContainer, Sandbox, Start, Stop } from './types.ts';

/** What one container needs now. */
export interface Verdict {
  /** `running` also says that what waits for it may go on: a sidecar that has started. */
  readonly is: 'done' | 'running' | 'pending';
  readonly start?: Start;
  readonly stop?: Stop;
  readonly removeFirst?: string;
  readonly waitUntil?: number;
}

/** spec/edged.md §7 */
export function judge(
  state: PodState,
  sandbox: Sandbox,
  container: Container,
  role: Role,
  now: number,
): Verdict {
  const [run] = runsOf(state, container.name);
  const startNow = (attempt: number | undefined, afterExit?: number): Verdict => {
    const retryAt = Math.max(
      state.failures.get(container.name)?.retryAt ?? 0,
      state.failures.get('')?.retryAt ?? 0,
    );
    if (retryAt > now) return { is: 'pending', waitUntil: retryAt };
    return { is: 'pending', start: { name: container.name, sandboxId: sandbox.id, attempt, afterExit } };
  };

  if (run === undefined) return startNow(role === 'ephemeral' ? 0 : undefined);
  const inThisSandbox = run.sandboxId === sandbox.id;
  // Created but never started: a crash or an abort between two calls. It has not run, so its number is free again.
  if (run.state === 'created') return { ...startNow(run.restartCount), removeFirst: run.id };
  if (role === 'ephemeral') return { is: run.state === 'exited' ? 'done' : 'running' };
  if (run.state === 'running' && inThisSandbox) return judgeRunning(state, container, role, run);
  if (run.state !== 'exited') return { is: 'pending', stop: stopOf(state, run, 'its state is unknown') };
  if (role === 'init' && !inThisSandbox) return startNow(run.restartCount + 1);
  if (!restartsAfter(state, role, run)) return { is: 'done' };
  if (!inThisSandbox) return startNow(run.restartCount + 1);
  const allowedAt =
    state.replaced.get(run.id) === 'changed'
      ? now
      : restartAllowedAt(state.crashes.get(container.name), run.finishedAt);
  if (allowedAt > now) return { is: 'pending', waitUntil: allowedAt };
  return startNow(run.restartCount + 1, run.finishedAt);
}

function judgeRunning(state: PodState, container: Container, role: Role, run: RuntimeContainer): Verdict {
  if (imageChanged(container.image ?? '', run)) {
    const stop = stopOf(state, run, `Container ${run.name} definition changed, will be restarted`);
    return { is: 'pending', stop: { ...stop, replace: 'changed' } };
  }
  const findings = state.probes.get(run.id);
  if (findings?.failed !== undefined) {
    const { kind, graceSeconds } = findings.failed;
    const restarts = role === 'sidecar' || restartPolicyOf(state.pod) !== 'Never';
    const what = `Container ${run.name} failed ${kind} probe`;
    const stop = stopOf(state, run, restarts ? `${what}, will be restarted` : what);
    return {
      is: 'pending',
      stop: {
        ...stop,
        ...(graceSeconds === undefined ? {} : { graceSeconds }),
        ...(restarts ? { replace: 'unhealthy' } : {}),
      },
    };
  }
  return { is: role === 'sidecar' && findings?.started === false ? 'pending' : 'running' };
}
