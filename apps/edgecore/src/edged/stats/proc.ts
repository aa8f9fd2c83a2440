/** Bytes of a line of `/proc/meminfo`. */
export function meminfoBytes(text: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024;
}

export interface InterfaceCounters {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** Interfaces whose traffic is that of others: a pod's end on the host, and what never leaves. */
const NOT_COUNTED = /^(lo$|veth|docker|nerdctl)/;

/** `/proc/<pid>/net/dev`, without the interfaces that only repeat. */
export function networkCounters(text: string): InterfaceCounters[] {
  return text.split('\n').flatMap((line) => {
    const [, name, values] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || values === undefined || NOT_COUNTED.test(name)) return [];
    const numbers = values.trim().split(/\s+/).map(Number);
    if (numbers.length < 12 || numbers.some(Number.isNaN)) return [];
    const of = (index: number): number => numbers[index] as number;
    return [
      {
        name,
        rxBytes: of(0),
        rxPackets: of(1),
        rxErrors: of(2),
        rxDropped: of(3),
        txBytes: of(8),
        txPackets: of(9),
        txErrors: of(10),
        txDropped: of(11),
      },
    ];
  });
}

/** Start of the machine, ms since the epoch, from `/proc/stat`. */
export function bootTimeMs(stat: string): number | undefined {
  const seconds = /^btime (\d+)$/m.exec(stat)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}

/** Processes and threads there are, from `/proc/loadavg` (`0.20 0.18 0.12 1/80 11206`). */
export function taskCount(loadavg: string): number | undefined {
  const total = /^(?:\S+ ){3}\d+\/(\d+) /.exec(loadavg)?.[1];
  return total === undefined ? undefined : Number(total);
}
