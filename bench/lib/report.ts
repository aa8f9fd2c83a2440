import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Prints a result as JSON, and writes it where `--out` said. */
export function report(bench: string, parameters: object, results: object): void {
  const text = JSON.stringify(
    {
      bench,
      command: `bin/bench ${bench}`,
      machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, kernel: kernel() },
      parameters,
      results,
    },
    null,
    2,
  );
  console.log(text);
  const out = process.env['KUBEEDGE_TS_BENCH_OUT'];
  if (out) writeFileSync(out, `${text}\n`);
}

function kernel(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
}

export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest-rank percentiles, rounded to one decimal. */
export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  return { count: sorted.length, min: at(0), p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
