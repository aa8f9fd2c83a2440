/** `key value` lines, as `memory.stat` and `cpu.stat` have them. */
export function keyValues(text: string | undefined): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of (text ?? '').split('\n')) {
    const space = line.indexOf(' ');
    if (space < 0) continue;
    const value = Number(line.slice(space + 1));
    if (Number.isFinite(value)) values.set(line.slice(0, space), value);
  }
  return values;
}

/** A file with one number; undefined for `max`, nonsense and an absent file. */
export function numberIn(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** The kernel rounds "no limit" in different ways; nothing real is that large. */
const UNLIMITED = 2 ** 60;

/** Undefined when it is no limit. */
export function limitIn(text: string | undefined): number | undefined {
  const value = numberIn(text);
  return value === undefined || value < 0 || value >= UNLIMITED ? undefined : value;
}

/** The fields that have a value. */
export function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
