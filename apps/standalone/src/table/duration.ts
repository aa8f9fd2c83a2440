const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A span in ms as kubectl shows ages: at most two units, the second one only while it matters. */
export function humanDuration(ms: number): string {
  if (ms < -2 * SECOND) return '<invalid>';
  if (ms < 0) return '0s';
  const whole = (unit: number): number => Math.floor(ms / unit);
  const rest = (unit: number, of: number): number => Math.floor((ms % unit) / of);
  const two = (a: number, first: string, b: number, second: string): string =>
    b === 0 ? `${a}${first}` : `${a}${first}${b}${second}`;
  if (ms < 2 * MINUTE) return `${whole(SECOND)}s`;
  if (ms < 10 * MINUTE) return two(whole(MINUTE), 'm', rest(MINUTE, SECOND), 's');
  if (ms < 3 * HOUR) return `${whole(MINUTE)}m`;
  if (ms < 8 * HOUR) return two(whole(HOUR), 'h', rest(HOUR, MINUTE), 'm');
  if (ms < 2 * DAY) return `${whole(HOUR)}h`;
  if (ms < 8 * DAY) return two(whole(DAY), 'd', rest(DAY, HOUR), 'h');
  if (ms < 2 * 365 * DAY) return `${whole(DAY)}d`;
  if (ms < 8 * 365 * DAY) return two(whole(365 * DAY), 'y', rest(365 * DAY, DAY), 'd');
  return `${whole(365 * DAY)}y`;
}

/** Age of an RFC 3339 time; `<unknown>` when it is absent or no time. */
export function ageOf(time: unknown, nowMs: number): string {
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(at) ? '<unknown>' : humanDuration(nowMs - at);
}
