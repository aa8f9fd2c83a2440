import type { ProbeFindings } from '../pod/types.ts';

/**
 * What one probe has found, as values: thresholds, initial results, gating by the startup probe, and the hold after a
 * container was given up (spec/edged.md §8). No time passes in here and nothing is asked; `probes.ts` does both.
 */
export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export const PROBE_KINDS: readonly ProbeKind[] = ['startup', 'readiness', 'liveness'];

/** What one try came to. */
export type Heard = 'success' | 'failure';

export interface Thresholds {
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** One probe of one run of a container. A new run begins anew. */
export interface ProbeState {
  /** Unknown: a startup probe that has not decided yet. */
  readonly result: Heard | 'unknown';
  /** The last tries, all alike. */
  readonly streak: { readonly of: Heard; readonly length: number } | undefined;
  /** Nothing is asked any more until there is a new container: it was given up, or has started. */
  readonly settled: boolean;
}

/** The probes a container has. */
export type ProbeStates = { readonly [K in ProbeKind]?: ProbeState };

/** What is known of a run that is older than this process: its API status. */
export interface EarlierFindings {
  readonly started: boolean;
  readonly ready: boolean;
}

const INITIAL = { startup: 'unknown', liveness: 'success', readiness: 'failure' } as const;

/** The state before the first try. A run that was started and ready before edgecore restarted still is. */
export function initialState(kind: ProbeKind, earlier?: EarlierFindings): ProbeState {
  const begun: ProbeState = { result: INITIAL[kind], streak: undefined, settled: false };
  if (kind === 'startup' && earlier?.started === true) return { ...begun, result: 'success', settled: true };
  if (kind === 'readiness' && earlier?.ready === true) return { ...begun, result: 'success' };
  return begun;
}

/** The state after a try. The result changes only after as many equal tries as the threshold says. */
export function afterTry(
  kind: ProbeKind,
  thresholds: Thresholds,
  state: ProbeState,
  heard: Heard,
): ProbeState {
  if (state.settled) return state;
  const length = state.streak?.of === heard ? state.streak.length + 1 : 1;
  const needed = heard === 'success' ? thresholds.successThreshold : thresholds.failureThreshold;
  if (length < needed) return { ...state, streak: { of: heard, length } };
  const settled = kind === 'startup' || (kind === 'liveness' && heard === 'failure');
  // Counting on would only grow a number.
  return { result: heard, streak: { of: heard, length: needed }, settled };
}

export function hasStarted({ startup }: ProbeStates): boolean {
  return startup === undefined || startup.result === 'success';
}

/** Whether the probe is to be asked now. In a pod that ends only readiness still matters. */
export function isAsked(kind: ProbeKind, states: ProbeStates, ending: boolean): boolean {
  const state = states[kind];
  if (state === undefined || state.settled) return false;
  if (kind === 'startup') return !ending;
  return hasStarted(states) && (kind === 'readiness' || !ending);
}

/** `grace`: the probes' own termination grace, seconds. */
export function findingsOf(
  states: ProbeStates,
  ending: boolean,
  grace: { readonly [K in 'liveness' | 'startup']?: number | undefined } = {},
): ProbeFindings {
  const started = hasStarted(states);
  const ready = started && (states.readiness === undefined || states.readiness.result === 'success');
  const kind = (['liveness', 'startup'] as const).find((each) => states[each]?.result === 'failure');
  if (ending || kind === undefined) return { started, ready };
  const graceSeconds = grace[kind];
  return { started, ready, failed: { kind, ...(graceSeconds === undefined ? {} : { graceSeconds }) } };
}

export interface ProbeTimes {
  readonly initialDelayMs: number;
  readonly periodMs: number;
}

/**
 * When a probe is first asked, ms after the container's start; `unlocked` is when the startup probe let it through (0
 * without one). Readiness and startup are asked at once, so that a pod is not ready late. Liveness waits a period:
 * upstream's ticks fall anywhere in it, and a container that has just begun must not be given up by its first tick.
 */
export function firstTryAfter(
  kind: ProbeKind,
  { initialDelayMs, periodMs }: ProbeTimes,
  unlocked = 0,
): number {
  return Math.max(initialDelayMs, kind === 'liveness' ? unlocked + periodMs : unlocked);
}

/**
 * Whether a try counts. A container has `failureThreshold × periodSeconds` to start (Kubernetes' documentation), so a
 * failure of the try made at once, before the first period is over, is not held against it.
 *
 * @param ranForMs how long the container had run when the try began
 */
export function counts(
  kind: ProbeKind,
  { initialDelayMs, periodMs }: ProbeTimes,
  heard: Heard,
  ranForMs: number,
): boolean {
  return kind !== 'startup' || heard === 'success' || ranForMs >= Math.max(initialDelayMs, periodMs);
}

export function sameFindings(a: ProbeFindings | undefined, b: ProbeFindings | undefined): boolean {
  return a?.started === b?.started && a?.ready === b?.ready && a?.failed?.kind === b?.failed?.kind;
}
