import { isRecord, type PodStatus } from '@kubeedge-ts/apis';

/** Equal in meaning: key order, and null, absent or empty being the same, do not count. */
export function sameStatus(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameStatus(item, b[index]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
    if (!sameStatus(a[key], b[key])) return false;
  return true;
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}

/** Whether the API shows everything that we say; conditions and fields of others do not matter. */
export function apiShows(api: PodStatus | undefined, ours: PodStatus): boolean {
  const { conditions: wanted = [], ...fields } = ours;
  for (const [key, value] of Object.entries(fields)) {
    if (!sameStatus((api as Record<string, unknown> | undefined)?.[key], value)) return false;
  }
  return wanted.every((condition) =>
    sameStatus(
      api?.conditions?.find(({ type }) => type === condition.type),
      condition,
    ),
  );
}
