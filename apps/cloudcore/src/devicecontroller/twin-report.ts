import { isDeepStrictEqual } from 'node:util';
import type {
  DeviceTwinUpdate,
  MsgTwin,
  ReportedTwin,
  TwinProperty,
  TwinValue,
  TwinVersion,
} from '@kubeedge-ts/apis';

/** Both sides of one property, as a report gives them. */
export interface TwinSides {
  readonly reported?: ReportedSide;
  readonly observedDesired?: ReportedSide;
}

export interface ReportedSide {
  readonly property: TwinProperty;
  /** The edge's own count of changes of this side; absent if it sent none. */
  readonly edgeVersion?: number | undefined;
}

/** Property → what was reported of it. */
export type TwinOverlay = ReadonlyMap<string, TwinSides>;

/** The sides an `edge_updated` carries: `actual` is the reported value, `expected` the desired one the edge holds. */
export function sidesOf({ twin }: DeviceTwinUpdate): TwinOverlay {
  const sides = new Map<string, TwinSides>();
  for (const [name, value] of Object.entries(twin)) {
    if (value === null) continue;
    const reported = sideOf(value, value.actual, value.actual_version);
    const observedDesired = sideOf(value, value.expected, value.expected_version);
    if (reported === undefined && observedDesired === undefined) continue;
    sides.set(name, { ...(reported ? { reported } : {}), ...(observedDesired ? { observedDesired } : {}) });
  }
  return sides;
}

/** Each key only if present; timestamps as decimal text (spec/mqtt-and-devicetwin.md §8.5). */
function sideOf(
  twin: MsgTwin,
  side: TwinValue | undefined,
  version: TwinVersion | undefined,
): ReportedSide | undefined {
  if (typeof side !== 'object' || side === null) return undefined;
  const timestamp = side.metadata?.timestamp;
  const type = twin.metadata?.type;
  const metadata = {
    ...(typeof timestamp === 'number' ? { timestamp: String(timestamp) } : {}),
    ...(typeof type === 'string' && type !== '' ? { type } : {}),
  };
  const edge = version?.edge;
  return {
    property: {
      value: typeof side.value === 'string' ? side.value : '',
      ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    },
    ...(typeof edge === 'number' ? { edgeVersion: edge } : {}),
  };
}

/** How far back a clock must have been set for an earlier time to be believed without a version, ms. */
const SET_BACK_MS = 600_000;

/**
 * Whether a report is older than what is known. The edge's version decides against its clock, which may have been set
 * back; the clock decides against the version, which starts anew in a wiped store. After a restart of ours no version
 * is known: then a time a little earlier is an old message sent again, one far earlier a clock that was set back.
 */
export function isStale(known: ReportedSide | undefined, next: ReportedSide): boolean {
  if (known === undefined) return false;
  const [before, after] = [timeOf(known), timeOf(next)];
  if (before === undefined || after === undefined || after >= before) return false;
  if (known.edgeVersion === undefined) return before - after < SET_BACK_MS;
  return (next.edgeVersion ?? 0) <= known.edgeVersion;
}

function timeOf({ property }: ReportedSide): number | undefined {
  const time = Number(property.metadata?.['timestamp']);
  return Number.isFinite(time) ? time : undefined;
}

/** `base` with the overlay's sides in front of its own. */
export function merged(base: TwinOverlay, overlay: TwinOverlay): Map<string, TwinSides> {
  const result = new Map(base);
  for (const [name, sides] of overlay) {
    const known = result.get(name);
    const reported = newer(known?.reported, sides.reported);
    const observedDesired = newer(known?.observedDesired, sides.observedDesired);
    result.set(name, { ...(reported ? { reported } : {}), ...(observedDesired ? { observedDesired } : {}) });
  }
  return result;
}

function newer(known: ReportedSide | undefined, next: ReportedSide | undefined): ReportedSide | undefined {
  return next === undefined || isStale(known, next) ? known : next;
}

/** What a DeviceStatus holds, with the versions of those sides that are still what was `known`. */
export function overlayOf(
  twins: readonly ReportedTwin[] | undefined,
  known: TwinOverlay = new Map(),
): TwinOverlay {
  const sides = new Map<string, TwinSides>();
  for (const { propertyName, reported, observedDesired } of twins ?? []) {
    if (propertyName === undefined) continue;
    const before = known.get(propertyName);
    sides.set(propertyName, {
      ...(reported ? { reported: versioned(reported, before?.reported) } : {}),
      ...(observedDesired ? { observedDesired: versioned(observedDesired, before?.observedDesired) } : {}),
    });
  }
  return sides;
}

function versioned(property: TwinProperty, known: ReportedSide | undefined): ReportedSide {
  return known !== undefined && isDeepStrictEqual(known.property, property) ? known : { property };
}

/** The list for a DeviceStatus, in the order of the device's properties; twins of properties it no longer has are left out. */
export function twinList(sides: TwinOverlay, properties: readonly string[]): ReportedTwin[] {
  return properties.flatMap((propertyName) => {
    const known = sides.get(propertyName);
    if (known === undefined) return [];
    const { observedDesired, reported } = known;
    return [
      {
        propertyName,
        ...(observedDesired ? { observedDesired: observedDesired.property } : {}),
        ...(reported ? { reported: reported.property } : {}),
      },
    ];
  });
}
