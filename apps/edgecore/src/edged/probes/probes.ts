import type { Pod } from '@kubeedge-ts/apis';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { Events } from '../events.ts';
import type { PodRuntime, ProbeFindings } from '../pod/types.ts';
import { identityOf } from '../runtime/labels.ts';
import { createDueList } from './due-list.ts';
import type { TryOutcome } from './outcome.ts';
import { afterTry, counts, firstTryAfter, isAsked, sameFindings } from './probe-machine.ts';
import { createProbeMetrics, PROBE_TITLES, type ProbeCount } from './probe-metrics.ts';
import {
  beginRun,
  findingsOfRun,
  type Probe,
  type ProbedRun,
  probedContainersOf,
  probedIPOf,
  statesOf,
} from './probed-run.ts';
import type { Prober } from './prober.ts';
import { createSlots } from './slots.ts';

/** All probes of the node: one timer, tries in bounded parallel (spec/edged.md §8). */
export interface Probes {
  /**
   * Tells what runs now; starts, keeps and ends probes accordingly. Cheap when nothing changed. `ending`: liveness and
   * startup stop mattering. The pod's status counts only for a run first seen here: what it says of that run holds.
   */
  sync(pod: Pod, runtime: PodRuntime, ending: boolean): void;
  /** By container id; a container without probes is not in it. */
  findings(podUid: string): ReadonlyMap<string, ProbeFindings>;
  /** The pod is no more. */
  forget(podUid: string): void;
  stop(): void;
  /** `prober_probe_total` of the pods that are here. */
  metrics(): Iterable<ProbeCount>;
}

export interface ProbesOptions {
  readonly prober: Prober;
  readonly events: Pick<Events, 'pod'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where pods on the host's network are asked. */
  readonly hostIPs: () => readonly string[];
  /** The findings of a pod are others now. */
  readonly onChange: (podUid: string) => void;
}

/** Tries that may begin at once, and how long one holds up others (see `slots.ts`). */
const PARALLEL = 32;
const PATIENCE_MS = 1_000;
/** Tries when the prober itself fails. */
const MAX_TRIES = 3;

const NO_FINDINGS: ReadonlyMap<string, ProbeFindings> = new Map();

export function createProbes(options: ProbesOptions): Probes {
  const { prober, events, clock, random, log, hostIPs, onChange } = options;
  const probingSince = clock.monotonic();
  /** Pod uid → container id → run. */
  const pods = new Map<string, Map<string, ProbedRun>>();
  const due = createDueList<Probe>();
  const slots = createSlots({ limit: PARALLEL, patienceMs: PATIENCE_MS, clock });
  const metrics = createProbeMetrics();
  let armedFor: number | undefined;
  let disarm = (): void => {};
  let stopped = false;

  /** One timer for the earliest try. */
  const arm = (): void => {
    const { next } = due;
    if (next === armedFor) return;
    disarm();
    armedFor = next;
    if (next !== undefined) disarm = clock.after(Math.max(0, next - clock.monotonic()), onDue);
  };

  const onDue = (): void => {
    armedFor = undefined;
    for (const probe of due.takeDue(clock.monotonic())) {
      const trying = new AbortController();
      probe.trying = trying;
      slots.run(() => tryOnce(probe, trying.signal));
    }
    arm();
  };

  const quit = (probe: Probe): void => {
    due.delete(probe);
    probe.dueAt = undefined;
    probe.trying?.abort(new Error('not asked any more'));
    probe.trying = undefined;
  };

  /** Begins and ends the single probes of a run, as its states demand. */
  const plan = (run: ProbedRun): void => {
    const states = statesOf(run);
    for (const probe of run.probes) {
      const { spec } = probe;
      if (!isAsked(spec.kind, states, run.ending)) quit(probe);
      else if (probe.dueAt === undefined) {
        probe.dueAt = Math.max(
          run.startedAt + firstTryAfter(spec.kind, spec, run.unlockedAfter),
          clock.monotonic() + spreadOf(run, spec.periodMs),
        );
        due.set(probe, probe.dueAt);
      }
    }
  };

  /** After a restart of edgecore the containers that went on are not asked all at once. */
  const spreadOf = ({ adopted }: ProbedRun, periodMs: number): number => {
    const recent = clock.monotonic() - probingSince < periodMs;
    return adopted && recent ? random.next() * periodMs : 0;
  };

  const tryOnce = async (probe: Probe, signal: AbortSignal): Promise<void> => {
    const { run, spec } = probe;
    if (signal.aborted) return;
    const ranForMs = clock.monotonic() - run.startedAt;
    const outcome = await ask(probe, signal);
    if (signal.aborted || probe.dueAt === undefined) return;
    probe.trying = undefined;
    probe.dueAt = Math.max(probe.dueAt + spec.periodMs, clock.monotonic());
    due.set(probe, probe.dueAt);
    conclude(probe, outcome, ranForMs);
    arm();
  };

  const ask = async ({ run, spec }: Probe, signal: AbortSignal): Promise<TryOutcome> => {
    for (let tries = 1; ; tries++) {
      const outcome = await prober(spec, run, signal);
      const again = outcome.is === 'error' && outcome.quiet !== true && spec.handler.by !== 'nothing';
      if (!again || tries === MAX_TRIES || signal.aborted) return outcome;
    }
  };

  const conclude = (probe: Probe, outcome: TryOutcome, ranForMs: number): void => {
    const { run, spec } = probe;
    const title = PROBE_TITLES[spec.kind];
    const say = (reason: string, text: string): void =>
      events.pod(run.pod, 'Warning', reason, `${title} probe ${text}`, run.name);
    if (outcome.is === 'error') {
      if (outcome.quiet !== true) say('Unhealthy', `errored: ${outcome.problem}`);
      return;
    }
    const heard = outcome.is === 'failure' ? 'failure' : 'success';
    metrics.count(identityOf(run.pod), run.name, spec.kind, heard);
    if (!counts(spec.kind, spec, heard, ranForMs)) return;
    if (outcome.is === 'failure') say('Unhealthy', `failed: ${outcome.output}`);
    if (outcome.is === 'warning') say('ProbeWarning', `warning: ${outcome.output}`);
    probe.state = afterTry(spec.kind, spec, probe.state, heard);
    if (spec.kind === 'startup' && probe.state.result === 'success') {
      run.unlockedAfter = clock.monotonic() - run.startedAt;
    }
    plan(run);
    tell(run);
  };

  const tell = (run: ProbedRun): void => {
    const before = run.findings;
    run.findings = findingsOfRun(run);
    if (sameFindings(before, run.findings)) return;
    const { started, ready, failed } = run.findings;
    const { uid, name, namespace } = identityOf(run.pod);
    const what = { pod: name, namespace, container: run.name, started, ready, failed: failed?.kind };
    log.info(what, 'probes found a change');
    onChange(uid);
  };

  const drop = (runs: Iterable<ProbedRun>): void => {
    for (const { probes } of runs) probes.forEach(quit);
  };

  return {
    sync(pod, runtime, ending) {
      const uid = pod.metadata.uid ?? '';
      const before = pods.get(uid);
      const containers = probedContainersOf(pod);
      if (stopped || (containers.length === 0 && before === undefined)) return;
      const now = new Map<string, ProbedRun>();
      for (const container of containers) {
        const newest = runtime.containers.find(({ name }) => name === container.name);
        if (newest?.state !== 'running') continue;
        const run =
          before?.get(newest.id) ??
          beginRun(pod, container, newest, { now: clock.now(), monotonic: clock.monotonic(), probingSince });
        run.pod = pod;
        run.podIP = probedIPOf(pod, runtime, hostIPs());
        if (run.ending !== ending) {
          run.ending = ending;
          run.findings = findingsOfRun(run);
        }
        plan(run);
        now.set(newest.id, run);
        before?.delete(newest.id);
      }
      if (before !== undefined) drop(before.values());
      if (now.size === 0) pods.delete(uid);
      else pods.set(uid, now);
      arm();
    },
    findings(podUid) {
      const runs = pods.get(podUid);
      if (runs === undefined) return NO_FINDINGS;
      return new Map([...runs].map(([id, { findings }]) => [id, findings]));
    },
    forget(podUid) {
      drop(pods.get(podUid)?.values() ?? []);
      pods.delete(podUid);
      metrics.forget(podUid);
      arm();
    },
    stop() {
      stopped = true;
      for (const runs of pods.values()) drop(runs.values());
      pods.clear();
      disarm();
    },
    metrics: () => metrics.samples(),
  };
}
