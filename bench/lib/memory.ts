import { readdirSync, readFileSync } from 'node:fs';
import { round } from './report.ts';

/** Resident memory of a process plus the proportional memory of its children, MB of 10^6 bytes (DESIGN §10). */
export function memoryMb(pid: number): number {
  const own = kilobytes(`/proc/${pid}/status`, 'VmRSS');
  const children = descendants(pid).reduce(
    (sum, child) => sum + kilobytes(`/proc/${child}/smaps_rollup`, 'Pss'),
    0,
  );
  return round(((own + children) * 1024) / 1e6);
}

/** CPU seconds a process has used. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function kilobytes(file: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'));
  return Number(match?.[1] ?? 0);
}

function descendants(pid: number): number[] {
  const parents = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const parent = Number(readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
      parents.set(parent, [...(parents.get(parent) ?? []), Number(entry)]);
    } catch {
      // the process ended between the listing and the look
    }
  }
  const children = parents.get(pid) ?? [];
  return children.flatMap((child) => [child, ...descendants(child)]);
}
