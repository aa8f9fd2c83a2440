const SUFFIXES: Record<string, number> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};
const FORM = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/;

/** A Kubernetes quantity (`500m`, `64Mi`, `1e3`) as a number in base units; undefined when it is none. */
export function parseQuantity(text: unknown): number | undefined {
  if (typeof text === 'number' && Number.isFinite(text)) return text;
  if (typeof text !== 'string') return undefined;
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, digits, exponent, suffix] = match;
  const value =
    exponent === undefined
      ? Number(digits) * (SUFFIXES[suffix ?? ''] ?? 1)
      : Number(digits) * 10 ** Number(exponent);
  return Number.isFinite(value) ? value : undefined;
}

/** Rounded up to whole thousandths, as CPU is counted. */
export function milliValue(text: unknown): number {
  return ceil((parseQuantity(text) ?? 0) * 1000);
}

/** Rounded up to whole units. */
export function wholeValue(text: unknown): number {
  return ceil(parseQuantity(text) ?? 0);
}

/** Rounds up, forgiving the error of binary fractions (0.07 * 1000 is 70.00000000000001). */
export function ceil(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value - nearest) < 1e-6 ? nearest : Math.ceil(value);
}

/** `24684092Ki`: the largest binary suffix that divides the number. */
export function binaryQuantity(value: number): string {
  return withSuffix(value, 1024, ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']);
}

/** `243497856k`: the largest decimal suffix that divides the number. */
export function decimalQuantity(value: number): string {
  return withSuffix(value, 1000, ['', 'k', 'M', 'G', 'T', 'P', 'E']);
}

/** A quantity as Kubernetes writes it back: `0.5Gi` is `512Mi`, `1000` is `1k`. What is none stays as it is. */
export function canonicalQuantity(text: string): string {
  const value = parseQuantity(text);
  if (value === undefined) return text;
  if (!Number.isInteger(value)) return `${ceil(value * 1000)}m`;
  return /[KMGTPE]i$/.test(text) ? binaryQuantity(value) : decimalQuantity(value);
}

function withSuffix(value: number, base: number, suffixes: readonly string[]): string {
  let rest = Math.trunc(value);
  let step = 0;
  while (rest !== 0 && rest % base === 0 && step < suffixes.length - 1) {
    rest /= base;
    step += 1;
  }
  return `${rest}${suffixes[step]}`;
}
