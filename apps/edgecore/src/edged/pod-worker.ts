import type { Pod, PodStatus } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../metamanager/meta-client.ts';
import { createInterrupt, type StepSignals } from './interrupt.ts';
import { nextBackoff } from './pod/crash-backoff.ts';
import { decide } from './pod/decide.ts';
import { createFailures, visibleText } from './pod/failures.ts';
import { hasLivingVolumes, referencesOf } from './pod/references.ts';
import { apiShows, sameStatus } from './pod/same-status.ts';
import { allContainersOf, graceSecondsOf, isTerminal } from './pod/spec.ts';
import type { Action, CrashBackoff, Decision, NodeFacts, PodRuntime } from './pod/types.ts';
import type { Steps } from './runtime/carry-out.ts';
import { identityOf } from './runtime/labels.ts';
import type { Observer } from './runtime/observe.ts';
import type { PodLogs } from './runtime/pod-logs.ts';
import { createStatusReporter } from './status-reporter.ts';

export interface PodWorkerOptions {
  readonly pod: Pod;
  /** The store does not have the pod: end it. */
  readonly gone: boolean;
  readonly observer: Observer;
  readonly steps: Steps;
  readonly logs: Pick<PodLogs, 'removePod'>;
  readonly meta: Pick<MetaClient, 'reportPodStatus' | 'deletePod' | 'forgetTokens'>;
  readonly node: () => NodeFacts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called once when the pod has ended and nothing of it is left. */
  readonly onFinished: () => void;
}

/** Brings one pod to what the store wants and keeps it there; one step at a time. */
export interface PodWorker {
  readonly pod: Pod;
  /** The status last computed; before the first look the one that came with the pod. */
  readonly status: PodStatus;
  /** A newer object of the same uid. */
  update(pod: Pod): void;
  /** The API object is gone. */
  end(): void;
  /** Something happened in the runtime. */
  wake(): void;
  /** A ConfigMap or Secret (`configmap/name`) of the pod's namespace changed. */
  referencedChanged(key: string): void;
  /** What failed for want of the cloud may be tried again. */
  connected(): void;
  /** Stops working on the pod; the pod goes on. */
  stop(): Promise<void>;
}

/** A look without a cause, so that nothing missed stays missed (upstream: 60 s, up to half more). */
const RESYNC_MS = 60_000;
const RECONCILE_MS = 10_000;
const VOLUME_RETRY_MS = 5_000;
const RUNTIME_WAIT_MS = 1_000;

export function createPodWorker(options: PodWorkerOptions): PodWorker {
  const { observer, steps, logs, meta, node, clock, random, onFinished } = options;
  const identity = identityOf(options.pod);
  const log = options.log.child({ pod: identity.name, namespace: identity.namespace });
  const stopping = new AbortController();
  const failures = createFailures(random);
  const crashes = new Map<string, CrashBackoff>();
  const replaced = new Set<string>();
  const reporter = createStatusReporter({ pod: identity, meta, clock, random, log, signal: stopping.signal });
  const trouble = createBackoff({ initialMs: 500, maxMs: 10_000 }, random);

  let pod = options.pod;
  let gone = options.gone;
  let released = false;
  let finished = false;
  let previous: PodStatus = pod.status ?? {};
  let volumesDueAt = 0;
  /** Counts what made the volumes due; a change while they are being refreshed makes them due again. */
  let volumeChanges = 0;
  /** The API shows another status than ours since then. */
  let differsSince: number | undefined;
  /** Interrupts the step under way, when news make it pointless. */
  let step = createInterrupt(clock, stopping.signal);
  let awake = Promise.withResolvers<void>();
  let lastActions = '';
  let repeats = 0;

  const wake = (): void => awake.resolve();
  const volumesChanged = (): void => {
    volumeChanges += 1;
    volumesDueAt = 0;
  };
  const interrupt = (): void => {
    step.abort();
    wake();
  };

  const pause = async (until: number): Promise<void> => {
    const ms = Math.max(0, until - clock.now());
    const alarm = new AbortController();
    const stop = (): void => alarm.abort();
    stopping.signal.addEventListener('abort', stop, { once: true });
    await Promise.race([sleep(clock, ms, alarm.signal).catch(() => undefined), awake.promise]);
    stopping.signal.removeEventListener('abort', stop);
    alarm.abort();
    awake = Promise.withResolvers<void>();
  };

  const report = (status: PodStatus, now: number): void => {
    if (gone) return;
    const changed = !sameStatus(status, previous);
    previous = status;
    const stale = differsSince !== undefined && now - differsSince >= RECONCILE_MS;
    if (stale) differsSince = undefined;
    if (changed || (stale && !apiShows(pod.status, status))) reporter.report(status);
  };

  const refreshVolumes = async (runtime: PodRuntime, now: number): Promise<void> => {
    if (now < volumesDueAt || !hasLivingVolumes(pod)) return;
    if (!runtime.containers.some(({ state }) => state === 'running')) return;
    const seen = volumeChanges;
    try {
      const due = (await steps.refreshVolumes(pod, runtime)) ?? Number.POSITIVE_INFINITY;
      volumesDueAt = seen === volumeChanges ? due : 0;
    } catch (error) {
      // What the containers have stays as it is; upstream does the same.
      log.warn({ err: errorText(error) }, 'volumes could not be brought up to date');
      volumesDueAt = now + VOLUME_RETRY_MS;
    }
  };

  const carryOut = async (action: Action, runtime: PodRuntime): Promise<void> => {
    const { signals } = step;
    switch (action.do) {
      case 'stopContainers':
        for (const { id, replace } of action.containers) if (replace) replaced.add(id);
        return steps.stopContainers(action.containers, signals.soft);
      case 'stopSandboxes':
        return steps.stopSandboxes(action.ids, stopping.signal);
      case 'removeContainers':
        return steps.removeContainers(
          pod,
          runtime.containers.filter(({ id }) => action.ids.includes(id)),
          stopping.signal,
        );
      case 'removeSandboxes':
        return steps.removeSandboxes(action.ids, stopping.signal);
      case 'createSandbox':
        return attempt('', '', signals, () => steps.createSandbox(pod, action.attempt, signals));
      case 'startContainer': {
        const { name, afterExit } = action.start;
        const image = allContainersOf(pod).find((container) => container.name === name)?.image ?? '';
        return attempt(name, image, signals, async () => {
          await steps.startContainer(pod, action.start, runtime, signals);
          const now = clock.now();
          if (afterExit !== undefined) crashes.set(name, nextBackoff(crashes.get(name), afterExit, now));
        });
      }
      case 'release':
        await steps.release(pod);
        released = true;
        return;
      case 'finish':
        return finish();
    }
  };

  /** A failed start is recorded for the status and for its retry; it does not keep other containers from starting. */
  const attempt = async (
    key: string,
    subject: string,
    { soft }: StepSignals,
    task: () => Promise<void>,
  ): Promise<void> => {
    try {
      await task();
      failures.succeeded(key);
    } catch (error) {
      if (soft.aborted || isKubeEdgeError(error, 'CRI_UNAVAILABLE')) throw error;
      const { reason, retryAt } = failures.record(key, subject, error, clock.now());
      log.warn(
        { container: key, reason, err: visibleText(error), retryMs: Math.round(retryAt - clock.now()) },
        'start failed, will be tried again',
      );
    }
  };

  const finish = async (): Promise<void> => {
    await reporter.settled();
    await logs.removePod(identity.uid);
    await meta.forgetTokens(identity.uid);
    if (!gone) await meta.deletePod(identity);
    finished = true;
    log.info({ gone }, 'pod ended');
  };

  const look = async (): Promise<{ runtime: PodRuntime; decision: Decision }> => {
    const runtime = await observer.observe(identity, stopping.signal);
    const now = clock.now();
    if (!gone) await refreshVolumes(runtime, now);
    // From here on the newest pod is what is decided about; an interrupt before this has done its work.
    if (step.aborted) step = createInterrupt(clock, stopping.signal);
    const state = {
      pod,
      gone,
      runtime,
      previous,
      failures: failures.current,
      crashes,
      replaced,
      released,
      node: node(),
    };
    const decision = decide(state, now);
    report(decision.status, now);
    return { runtime, decision };
  };

  const round = async (): Promise<number> => {
    // Container ids are shown with the runtime's name; it is known as soon as the runtime has answered once.
    if (node().runtimeName === '') return clock.now() + RUNTIME_WAIT_MS;
    const { runtime, decision } = await look();
    const text = JSON.stringify(decision.actions);
    repeats = text === lastActions ? repeats + 1 : 0;
    lastActions = text;
    // The runtime says yes and nothing changes: do not spin.
    if (repeats > 2 && decision.actions.length > 0) {
      lastActions = '';
      return clock.now() + trouble.next();
    }
    for (const action of decision.actions) await carryOut(action, runtime);
    if (decision.actions.length > 0) return 0;
    trouble.reset();
    const resync = clock.now() + RESYNC_MS * (1 + 0.5 * random.next());
    const reconcile = differsSince === undefined ? resync : differsSince + RECONCILE_MS;
    return Math.min(decision.requeueAt ?? resync, resync, reconcile, volumesDueAt || resync);
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted && !finished) {
      let next: number;
      try {
        next = await round();
      } catch (error) {
        if (stopping.signal.aborted) break;
        if (step.aborted) continue;
        const waitMs = trouble.next();
        log.warn({ err: errorText(error), waitMs: Math.round(waitMs) }, 'pod step failed, trying again');
        next = clock.now() + waitMs;
      }
      if (next > 0 && !finished && !step.aborted) await pause(next);
    }
    if (finished) onFinished();
  };

  const running = run();

  return {
    get pod() {
      return pod;
    },
    get status() {
      return previous;
    },
    update(newer) {
      const before = pod;
      pod = newer;
      const ours = !apiShows(newer.status, previous);
      differsSince = ours ? (differsSince ?? clock.now()) : undefined;
      if (!sameStatus(before.metadata.labels, newer.metadata.labels)) volumesChanged();
      if (!sameStatus(before.metadata.annotations, newer.metadata.annotations)) volumesChanged();
      if (isTerminal(newer.status?.phase) && !isTerminal(previous.phase)) {
        previous = { ...previous, ...newer.status };
      }
      if (!sameStatus(before.spec, newer.spec)) failures.retryNow(() => true);
      if (changesCourse(before, newer)) interrupt();
      else wake();
    },
    end() {
      if (gone) return;
      gone = true;
      interrupt();
    },
    wake,
    referencedChanged(key) {
      const references = referencesOf(pod);
      if (!references.all.has(key)) return;
      if (references.volumes.has(key)) volumesChanged();
      failures.retryNow((reason) => reason === 'CreateContainerConfigError' || reason === 'FailedMount');
      wake();
    },
    connected() {
      volumesChanged();
      failures.retryNow(() => true);
      wake();
    },
    async stop() {
      stopping.abort(new Error('edged is stopping'));
      wake();
      await running;
      await reporter.settled();
    },
  };
}

/** News that make what is being done pointless: the pod must end, sooner, or with other images. */
function changesCourse(before: Pod, after: Pod): boolean {
  const ending = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
  if (ending(after) && !ending(before)) return true;
  if (ending(after) && graceSecondsOf(after) < graceSecondsOf(before)) return true;
  const images = (pod: Pod): string =>
    allContainersOf(pod)
      .map(({ name, image }) => `${name}=${image}`)
      .join();
  return images(before) !== images(after);
}
