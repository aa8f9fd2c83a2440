import type { MsgTwin, TwinVersion } from '@kubeedge-ts/apis';
import { msgTwin } from './payloads.ts';
import {
  DELETED,
  type Side,
  type Twin,
  type TwinChange,
  type TwinRequest,
  type TwinRequests,
} from './types.ts';
import { isTwinType, MAX_TWINS, REASONS, typeProblem } from './values.ts';

/** `rest`: asked on MQTT. `sync`: told by the cloud. */
export type Mode = 'rest' | 'sync';

export interface Machine {
  readonly mode: Mode;
  /** Time of the change, ms. */
  readonly now: number;
  /** Type the device's model gives the property, in the words of a twin. */
  readonly modelType: (name: string) => string | undefined;
}

export type Outcome =
  | { readonly ok: true; readonly changes: readonly TwinChange[] }
  | { readonly ok: false; readonly reason: string };

type Step = TwinChange | { readonly reason: string } | undefined;

const ZERO: TwinVersion = { cloud: 0, edge: 0 };

/**
 * What becomes of a device's twins by a request; nothing is changed here (spec/mqtt-and-devicetwin.md §6.2–6.3c).
 * A `rest` request with one invalid value changes nothing; `sync` skips what is invalid.
 */
export function decideTwins(
  twins: ReadonlyMap<string, Twin>,
  requests: TwinRequests,
  machine: Machine,
): Outcome {
  const changes: TwinChange[] = [];
  let added = 0;
  for (const [name, request] of requests) {
    const stored = twins.get(name);
    if (stored === undefined && twins.size + ++added > MAX_TWINS)
      return { ok: false, reason: REASONS.tooMany };
    const step = decide(name, stored, request, machine);
    if (step === undefined) continue;
    if ('reason' in step) return { ok: false, reason: step.reason };
    changes.push(step);
  }
  return { ok: true, changes };
}

function decide(name: string, stored: Twin | undefined, request: TwinRequest | null, machine: Machine): Step {
  if (stored === undefined) return request === null ? undefined : add(name, request, machine);
  if (request === null) return machine.mode === 'rest' ? remove(stored, {}, machine) : undefined;
  if (machine.mode === 'sync' && request.type === DELETED) return remove(stored, request, machine);
  return compare(stored, request, machine);
}

function add(name: string, request: TwinRequest, machine: Machine): Step {
  const { mode, now } = machine;
  const type = typeOf(name, request, machine);
  const sides = [request.expected, request.actual];
  for (const value of sides) {
    const problem = value === undefined ? undefined : typeProblem(type, value);
    if (problem !== undefined) return mode === 'rest' ? { reason: problem } : undefined;
  }
  const version = (value: string | undefined, given: TwinVersion | undefined): TwinVersion | undefined =>
    mode === 'sync' ? given : value === undefined ? undefined : { cloud: 0, edge: 1 };
  const expectedVersion = version(request.expected, request.expectedVersion);
  const actualVersion = version(request.actual, request.actualVersion);
  if (mode === 'sync') {
    if (request.expected !== undefined && expectedVersion === undefined) return undefined;
    if (request.actual !== undefined && actualVersion === undefined) return undefined;
    if (expectedVersion === undefined && actualVersion === undefined) return undefined;
  }
  // An empty value gives a version but no side (§6.3b); a tombstone has no values.
  const side = (value: string | undefined): Side | undefined =>
    value === undefined || value === '' || type === DELETED ? undefined : { value, timestamp: now };
  const after: Twin = {
    name,
    type,
    optional: request.optional ?? true,
    expected: side(request.expected),
    actual: side(request.actual),
    expectedVersion,
    actualVersion,
  };
  const current = type === DELETED ? null : msgTwin(after);
  return {
    after,
    store: true,
    tell: true,
    result: current,
    last: null,
    current,
    ...(mode === 'rest'
      ? { report: { expected: request.expected !== undefined, actual: request.actual !== undefined } }
      : {}),
  };
}

function typeOf(name: string, request: TwinRequest, { mode, modelType }: Machine): string {
  const given = request.type;
  if (given !== undefined && given !== '' && (mode === 'sync' || (given !== DELETED && isTwinType(given)))) {
    return given;
  }
  return modelType(name) ?? (given || 'string');
}

function compare(stored: Twin, request: TwinRequest, machine: Machine): Step {
  const { mode, now } = machine;
  const revived = stored.type === DELETED;
  if (revived && request.type === DELETED) return undefined;
  const type = revived ? request.type || 'string' : stored.type;
  const next: { -readonly [K in keyof Twin]: Twin[K] } = { ...stored };
  const touched: ('expected' | 'actual')[] = [];
  let rejected: 'expected' | 'actual' | undefined;
  for (const side of ['expected', 'actual'] as const) {
    const value = request[side];
    if (value === undefined) continue;
    const problem = side === 'actual' || stored.expected !== undefined ? typeProblem(type, value) : undefined;
    if (problem !== undefined) {
      if (mode === 'rest') return { reason: problem };
      continue;
    }
    const version = nextVersion(stored[`${side}Version`], request[`${side}Version`], mode);
    if (version === undefined) {
      rejected = side;
      break;
    }
    next[side] = { value, timestamp: now };
    next[`${side}Version`] = version;
    touched.push(side);
  }
  // A deleted twin does not come back by half.
  if (rejected !== undefined && revived) return rejection(stored, rejected);
  if (rejected === undefined) {
    if (stored.optional && request.optional === false) next.optional = false;
    if (revived) next.type = type;
  }
  const changed = touched.length > 0 || next.optional !== stored.optional || next.type !== stored.type;
  if (!changed && rejected === undefined) return undefined;
  return {
    after: next,
    store: changed,
    tell: changed,
    result: changed ? msgTwin(next, touched) : {},
    last: revived ? null : msgTwin(stored),
    current: msgTwin(next),
    ...(rejected !== undefined
      ? { report: { [rejected]: true } }
      : mode === 'rest'
        ? { report: { expected: touched.includes('expected'), actual: touched.includes('actual') } }
        : {}),
  };
}

function remove(stored: Twin, request: TwinRequest, { mode }: Machine): Step {
  if (stored.type === DELETED || (mode === 'rest' && !stored.optional)) return undefined;
  const version = (side: 'expectedVersion' | 'actualVersion'): TwinVersion | undefined => {
    const local = stored[side];
    if (local === undefined) return undefined;
    if (mode === 'sync' && request[side] === undefined) return local;
    return nextVersion(local, request[side], mode);
  };
  const expectedVersion = version('expectedVersion');
  const actualVersion = version('actualVersion');
  if (stored.expectedVersion !== undefined && expectedVersion === undefined) {
    return rejection(stored, 'expected');
  }
  if (stored.actualVersion !== undefined && actualVersion === undefined) return rejection(stored, 'actual');
  return {
    after: { name: stored.name, type: DELETED, optional: stored.optional, expectedVersion, actualVersion },
    store: true,
    tell: true,
    result: null,
    last: msgTwin(stored),
    current: null,
    ...(mode === 'rest' ? { report: { deleted: true } } : {}),
  };
}

function rejection(stored: Twin, side: 'expected' | 'actual'): TwinChange {
  const nothing: MsgTwin = {};
  return {
    after: stored,
    store: false,
    tell: false,
    result: nothing,
    last: null,
    current: null,
    report: { [side]: true },
  };
}

/** undefined: rejected. */
function nextVersion(
  local: TwinVersion | undefined,
  given: TwinVersion | undefined,
  mode: Mode,
): TwinVersion | undefined {
  const { cloud, edge } = local ?? ZERO;
  if (mode === 'rest') return { cloud, edge: edge + 1 };
  if (given === undefined || cloud > given.cloud || edge > given.edge) return undefined;
  return { cloud: given.cloud, edge: given.edge };
}
