const SUFFIXES: Readonly<Record<string, readonly [base: bigint, exponent: bigint]>> = {
  n: [10n, -9n],
  u: [10n, -6n],
  m: [10n, -3n],
  '': [10n, 0n],
  k: [10n, 3n],
  M: [10n, 6n],
  G: [10n, 9n],
  T: [10n, 12n],
  P: [10n, 15n],
  E: [10n, 18n],
  Ki: [2n, 10n],
  Mi: [2n, 20n],
  Gi: [2n, 30n],
  Ti: [2n, 40n],
  Pi: [2n, 50n],
  Ei: [2n, 60n],
};
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const NANO = 1_000_000_000n;
const FORM = /^([+-]?)(\d{1,30})?(?:\.(\d{0,30}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;

/** The amount in units of 10⁻⁹, rounded up; undefined for anything that is no Kubernetes quantity. */
export function parseQuantity(text: string): bigint | undefined {
  const match = FORM.exec(text);
  if (match === null || (!match[2] && !match[3])) return undefined;
  const [, sign, whole = '0', fraction = '', suffix = '', exponent] = match;
  const [base, power] = exponent === undefined ? (SUFFIXES[suffix] ?? [10n, 0n]) : [10n, BigInt(exponent)];
  let numerator = BigInt(whole + fraction) * NANO;
  let denominator = 10n ** BigInt(fraction.length);
  if (power >= 0n) numerator *= base ** power;
  else denominator *= base ** -power;
  const rounded = (numerator + denominator - 1n) / denominator;
  return sign === '-' ? -rounded : rounded;
}

/**
 * The form in which an API server returns a quantity: the largest suffix that needs no fraction, binary when the
 * input was binary. `0.5` → `500m`, `1024Mi` → `1Gi`. Undefined for anything that is no quantity.
 */
export function canonicalQuantity(input: string | number): string | undefined {
  const text = String(input);
  const nanos = parseQuantity(text);
  if (nanos === undefined) return undefined;
  if (nanos === 0n) return '0';
  if (/[eE][+-]?\d+$/.test(text)) return text;
  const names = text.endsWith('i') && nanos % NANO === 0n ? BINARY : DECIMAL;
  let best = `${nanos}n`;
  for (const name of names) {
    const [base, power] = SUFFIXES[name]!;
    const [up, down] = power >= 0n ? [NANO * base ** power, 1n] : [NANO, base ** -power];
    if ((nanos * down) % up === 0n) best = `${(nanos * down) / up}${name}`;
  }
  return best;
}
