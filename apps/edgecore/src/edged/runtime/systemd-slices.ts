import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type CgroupLimits, sliceProperties, type UnitProperty } from './cgroup-limits.ts';

/** Slices of systemd, asked for over D-Bus by systemd's own `busctl` (ADR 042). All reject with its words. */
export interface SystemdSlices {
  /** Makes the slice, or gives the limits to the one that is there. `version`: of the control groups. */
  put(slice: string, parent: string, limits: CgroupLimits, version: 1 | 2): Promise<void>;
  /** The slice goes, with everything that still runs in it. */
  stop(slice: string): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const MANAGER = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager'];

type Busctl = (argv: readonly string[]) => Promise<unknown>;

const systemBusctl: Busctl = (argv) =>
  promisify(execFile)('busctl', [...argv], { timeout: TIMEOUT_MS, maxBuffer: 65_536 });

export function createSystemdSlices(busctl: Busctl = systemBusctl): SystemdSlices {
  const call = (method: string, signature: string, ...values: readonly string[]): Promise<unknown> =>
    busctl(['--system', 'call', ...MANAGER, method, signature, ...values]);

  return {
    async put(slice, parent, limits, version) {
      const properties = sliceProperties(limits, version);
      const unit = [
        ...text(['Description', 's', `pods below ${slice}`]),
        ...(parent === '' ? [] : ['Wants', 'as', '1', parent]),
        ...ALWAYS.flatMap(text),
        ...properties.flatMap(text),
      ];
      const count = 1 + (parent === '' ? 0 : 1) + ALWAYS.length + properties.length;
      try {
        await call('StartTransientUnit', 'ssa(sv)a(sa(sv))', slice, 'replace', String(count), ...unit, '0');
      } catch (error) {
        // Most likely it is there already.
        const values = properties.flatMap(text);
        await call('SetUnitProperties', 'sba(sv)', slice, 'true', String(properties.length), ...values).catch(
          () => {
            throw error;
          },
        );
      }
    },
    async stop(slice) {
      await call('StopUnit', 'ss', slice, 'replace');
    },
  };
}

/** Accounting from the start: the kernel does not count what a process used before. */
const ALWAYS: readonly UnitProperty[] = [
  ['MemoryAccounting', 'b', 'true'],
  ['CPUAccounting', 'b', 'true'],
  ['TasksAccounting', 'b', 'true'],
  ['DefaultDependencies', 'b', 'false'],
];

function text(property: readonly [string, string, string]): readonly string[] {
  return property;
}
