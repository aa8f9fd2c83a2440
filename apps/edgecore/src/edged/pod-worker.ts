import type { Pod, PodStatus } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../metamanager/meta-client.ts';
import type { Events } from './events.ts';
import { createInterrupt } from './interrupt.ts';
import { decide } from './pod/decide.ts';
import { hasLivingVolumes, referencesOf } from './pod/references.ts';
import { apiShows, sameStatus } from './pod/same-status.ts';
import { everyContainerOf, graceSecondsOf, HOLD_UPGRADE, isTerminal } from './pod/spec.ts';
import type { Decision, EndOrder, NodeFacts, PodRuntime, ProbeFindings } from './pod/types.ts';
import { createPodActions } from './pod-actions.ts';
import type { Steps } from './runtime/carry-out.ts';
import { identityOf, type PodIdentity } from './runtime/labels.ts';
import type { Observer } from './runtime/observe.ts';
import type { PodLogs } from './runtime/pod-logs.ts';
import { createStatusReporter } from './status-reporter.ts';

/** The probes of the pod's containers, as the worker needs them (spec/edged.md §8). */
export interface PodProbes {
  sync(pod: Pod, runtime: PodRuntime, ending: boolean): void;
  findings(podUid: string): ReadonlyMap<string, ProbeFindings>;
  forget(podUid: string): void;
}

export interface PodWorkerOptions {
  readonly pod: Pod;
  /** The store does not have the pod: end it. */
  readonly gone: boolean;
  readonly observer: Observer;
  readonly steps: Steps;
  readonly probes: PodProbes;
  readonly events: Events;
  readonly logs: Pick<PodLogs, 'removePod'>;
  readonly meta: Pick<MetaClient, 'reportPodStatus' | 'deletePod' | 'forgetTokens'>;
  readonly node: () => NodeFacts;
  /** Asked before anything of the pod is made: why this node cannot take it; undefined lets it in. */
  readonly admit: (pod: Pod) => Promise<EndOrder | undefined>;
  /** The API object the pod's status belongs to; undefined while there is none (a static pod without its mirror). */
  readonly apiIdentity: () => PodIdentity | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called once when the pod has ended and nothing of it is left. */
  readonly onFinished: () => void;
}

/** Brings one pod to what the store wants and keeps it there; one step at a time. */
export interface PodWorker {
  readonly pod: Pod;
  /** As last computed. */
  readonly status: PodStatus;
  /** Something of it has run here. */
  readonly hasRun: boolean;
  /** A newer object of the same uid. */
  update(pod: Pod): void;
  /** The API object is gone. */
  end(): void;
  /** The pod is to end as `Failed`; the first order stands. */
  order(order: EndOrder): void;
  /** Something happened in the runtime or with a probe. */
  wake(): void;
  /** A ConfigMap or Secret (`configmap/name`) of the pod's namespace changed. */
  referencedChanged(key: string): void;
  /** What failed for want of the cloud may be tried again. */
  connected(): void;
  /** Its upgrade is not held back any more. */
  releaseHold(): void;
  /** The API object that shows the status is another one: it is told again. */
  reportAgain(): void;
  /** Stops working on the pod; the pod goes on. */
  stop(): Promise<void>;
}

/** A look without a cause, so that nothing missed stays missed (upstream: 60 s, up to half more). */
const RESYNC_MS = 60_000;
const RECONCILE_MS = 10_000;
const VOLUME_RETRY_MS = 5_000;
const RUNTIME_WAIT_MS = 1_000;

export function createPodWorker(options: PodWorkerOptions): PodWorker {
  const { observer, steps, probes, logs, meta, node, admit, clock, random, onFinished } = options;
  const identity = identityOf(options.pod);
  const log = options.log.child({ pod: identity.name, namespace: identity.namespace });
  const stopping = new AbortController();
  const { apiIdentity } = options;
  const reporter = createStatusReporter({
    pod: apiIdentity,
    meta,
    clock,
    random,
    log,
    signal: stopping.signal,
  });
  const trouble = createBackoff({ initialMs: 500, maxMs: 10_000 }, random);

  let pod = options.pod;
  let gone = options.gone;
  let order: EndOrder | undefined;
  let admitted = hasRun(pod);
  let holdReleased = false;
  let endingSince: number | undefined;
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

  const finish = async (): Promise<void> => {
    await reporter.settled();
    await logs.removePod(identity.uid);
    await meta.forgetTokens(identity.uid);
    const object = apiIdentity();
    if (!gone && object !== undefined) await meta.deletePod(object);
    finished = true;
    log.info({ gone }, 'pod ended');
  };

  const actions = createPodActions({
    steps,
    events: options.events,
    clock,
    random,
    log,
    stopping: stopping.signal,
    finish,
  });

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

  const isHeld = (runtime: PodRuntime): boolean =>
    !holdReleased &&
    pod.metadata.annotations?.[HOLD_UPGRADE] === 'true' &&
    pod.metadata.deletionTimestamp === undefined &&
    (previous.phase ?? 'Pending') === 'Pending' &&
    runtime.sandboxes.length === 0;

  /** Undefined: what was decided does not hold any more. */
  const look = async (): Promise<{ runtime: PodRuntime; decision: Decision } | undefined> => {
    const runtime = await observer.observe(identity, stopping.signal);
    const now = clock.now();
    if (!gone) await refreshVolumes(runtime, now);
    // From here on the newest pod is what is decided about; an interrupt before this has done its work.
    if (step.aborted) step = createInterrupt(clock, stopping.signal);
    probes.sync(pod, runtime, endingSince !== undefined);
    const { failures, crashes, replaced, released } = actions.outcomes;
    const state = {
      pod,
      gone,
      runtime,
      previous,
      failures,
      crashes,
      replaced,
      released,
      probes: probes.findings(identity.uid),
      order,
      endingSince,
      held: isHeld(runtime),
      node: node(),
    };
    const decision = decide(state, now);
    if (decision.ending && endingSince === undefined) {
      endingSince = now;
      // Told before its containers are stopped: a liveness probe has nothing to say any more meanwhile.
      probes.sync(pod, runtime, true);
    }
    if (await refuse(runtime, decision)) return undefined;
    report(decision.status, now);
    return { runtime, decision };
  };

  /** Whether the pod is turned away now, at the last moment before something would be made for it. */
  const refuse = async (
    { sandboxes, containers }: PodRuntime,
    { actions: wanted }: Decision,
  ): Promise<boolean> => {
    admitted ||= sandboxes.length + containers.length > 0;
    if (admitted || !wanted.some((action) => action.do === 'createSandbox')) return false;
    order ??= await admit(pod);
    admitted = order === undefined;
    return !admitted;
  };

  const round = async (): Promise<number> => {
    // Container ids are shown with the runtime's name; it is known as soon as the runtime has answered once.
    if (node().runtimeName === '') return clock.now() + RUNTIME_WAIT_MS;
    const seen = await look();
    if (seen === undefined) return 0;
    const { runtime, decision } = seen;
    const text = JSON.stringify(decision.actions);
    repeats = text === lastActions ? repeats + 1 : 0;
    lastActions = text;
    // The runtime says yes and nothing changes: do not spin.
    if (repeats > 2 && decision.actions.length > 0) {
      lastActions = '';
      return clock.now() + trouble.next();
    }
    const { signals } = step;
    for (const action of decision.actions) await actions.carryOut(action, pod, runtime, signals);
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
    if (!finished) return;
    probes.forget(identity.uid);
    onFinished();
  };

  const running = run();

  return {
    get pod() {
      return pod;
    },
    get status() {
      return previous;
    },
    get hasRun() {
      return admitted;
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
      if (!sameStatus(before.spec, newer.spec)) actions.retryNow(() => true);
      if (changesCourse(before, newer)) interrupt();
      else wake();
    },
    end() {
      if (gone) return;
      gone = true;
      interrupt();
    },
    order(given) {
      if (order !== undefined || gone || isTerminal(previous.phase)) return;
      log.info({ reason: given.reason, why: given.message }, 'pod is ended');
      order = given;
      interrupt();
    },
    wake,
    referencedChanged(key) {
      const references = referencesOf(pod);
      if (!references.all.has(key)) return;
      if (references.volumes.has(key)) volumesChanged();
      actions.retryNow((reason) => reason === 'CreateContainerConfigError' || reason === 'FailedMount');
      wake();
    },
    connected() {
      volumesChanged();
      actions.retryNow(() => true);
      wake();
    },
    releaseHold() {
      holdReleased = true;
      wake();
    },
    reportAgain: () => reporter.report(previous),
    async stop() {
      stopping.abort(new Error('edged is stopping'));
      wake();
      await running;
      await reporter.settled();
    },
  };
}

/** It was on this node before edgecore (or the machine) started again: it is not weighed a second time (LESSONS A3). */
function hasRun({ status, spec }: Pod): boolean {
  return spec === undefined || (status?.containerStatuses ?? []).some(({ containerID }) => !!containerID);
}

/** News that make what is being done pointless: the pod must end, sooner, or with other images. */
function changesCourse(before: Pod, after: Pod): boolean {
  const ending = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
  if (ending(after) && !ending(before)) return true;
  if (ending(after) && graceSecondsOf(after) < graceSecondsOf(before)) return true;
  // One more ephemeral container does not disturb what is being done.
  const now = everyContainerOf(after);
  return everyContainerOf(before).some(
    ({ name, image }, index) => now[index]?.name !== name || now[index]?.image !== image,
  );
}
