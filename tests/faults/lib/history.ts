/** One look at an object: which one it was, and how far its counter had come. `uid` undefined: there was none. */
export interface Sighting {
  readonly key: string;
  readonly uid: string | undefined;
  readonly count: number;
}

/** What was seen, in order; only changes are kept. */
export interface History {
  /** Notes all objects that are there now. */
  look(now: ReadonlyMap<string, { readonly uid: string; readonly count: number }>): void;
  readonly sightings: readonly Sighting[];
}

export function createHistory(): History {
  const sightings: Sighting[] = [];
  const last = new Map<string, Sighting>();
  const note = (sighting: Sighting): void => {
    const before = last.get(sighting.key);
    if (before?.uid === sighting.uid && before?.count === sighting.count) return;
    last.set(sighting.key, sighting);
    sightings.push(sighting);
  };
  return {
    look(now) {
      for (const [key, { uid, count }] of now) note({ key, uid, count });
      for (const key of last.keys()) if (!now.has(key)) note({ key, uid: undefined, count: 0 });
    },
    sightings,
  };
}

/**
 * What no history of an edge or of the API may show: a counter that goes back, an object that comes back after another
 * one has had its name, and, where `final`, one that comes back after it was gone.
 */
export function historyProblems(
  sightings: readonly Sighting[],
  { final }: { readonly final: (key: string) => boolean },
): string[] {
  const problems: string[] = [];
  const past = new Map<string, { counts: Map<string, number>; gone: Set<string>; now: string | undefined }>();
  for (const { key, uid, count } of sightings) {
    const state = past.get(key) ?? { counts: new Map(), gone: new Set(), now: undefined };
    past.set(key, state);
    if (state.now !== undefined && state.now !== uid && (uid !== undefined || final(key))) {
      state.gone.add(state.now);
    }
    state.now = uid;
    if (uid === undefined) continue;
    if (state.gone.has(uid)) problems.push(`${key}: ${uid} came back`);
    const before = state.counts.get(uid) ?? 0;
    if (count < before) problems.push(`${key}: ${uid} went back from ${before} to ${count}`);
    state.counts.set(uid, Math.max(before, count));
  }
  return problems;
}
