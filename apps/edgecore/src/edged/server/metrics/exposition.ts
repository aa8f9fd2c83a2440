/** Prometheus' text format 0.0.4, as much of it as is needed here (docs/adr/050). */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** As `labelText` makes them; empty for none. */
  readonly labels: string;
  readonly value: number;
  /** When the value was so, ms since the epoch; absent: now. */
  readonly at?: number;
}

export type Kind = 'counter' | 'gauge';

/** `{a="1",b="x\"y"}`; empty without labels. */
export function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** One metric with all its samples; nothing when there are none. */
export function family(name: string, kind: Kind, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(({ labels, value, at }) => {
    const time = at === undefined ? '' : ` ${Math.round(at)}`;
    return `${name}${labels} ${numberText(value)}${time}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${lines.join('')}`;
}

export interface Histogram {
  observe(value: number): void;
  /** Observations up to each bound, in the order of the bounds. */
  readonly cumulative: readonly number[];
  readonly bounds: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = new Array<number>(bounds.length).fill(0);
  let count = 0;
  let sum = 0;
  return {
    bounds,
    observe(value) {
      const bucket = bounds.findIndex((bound) => value <= bound);
      if (bucket >= 0) counts[bucket] = (counts[bucket] as number) + 1;
      count += 1;
      sum += value;
    },
    get cumulative() {
      let total = 0;
      return counts.map((own) => {
        total += own;
        return total;
      });
    },
    get count() {
      return count;
    },
    get sum() {
      return sum;
    },
  };
}

/** `size` bounds from `first`, each `factor` times the one before. */
export function exponentialBounds(first: number, factor: number, size: number): readonly number[] {
  return Array.from({ length: size }, (_, index) => first * factor ** index);
}

export function histogramFamily(
  name: string,
  help: string,
  entries: readonly { readonly labels: Labels; readonly histogram: Histogram }[],
): string {
  if (entries.length === 0) return '';
  const lines = entries.flatMap(({ labels, histogram }) => {
    const { bounds, cumulative, count, sum } = histogram;
    const own = labelText(labels);
    const bucket = (bound: string, value: number): string =>
      `${name}_bucket${labelText({ ...labels, le: bound })} ${value}\n`;
    return [
      ...bounds.map((bound, index) => bucket(numberText(bound), cumulative[index] as number)),
      bucket('+Inf', count),
      `${name}_sum${own} ${numberText(sum)}\n`,
      `${name}_count${own} ${count}\n`,
    ];
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n${lines.join('')}`;
}

function escapeValue(value: string): string {
  return value.replace(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`));
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
