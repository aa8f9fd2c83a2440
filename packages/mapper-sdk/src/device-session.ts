import { errorText, mapperErrors } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import type { MapperDevice } from './types.ts';

export interface SessionOptions {
  readonly id: string;
  readonly device: MapperDevice;
  readonly publish: (topic: string, payload: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One device while it is on the node: reports what it measures, writes what is desired. */
export interface DeviceSession {
  /** Values that should be written; unknown and read-only properties are left alone. */
  want(values: ReadonlyMap<string, string>): void;
  /** edgecore (again) listens: the state is told anew. */
  refresh(): void;
  /** Ends the loop; `offline`: says so. */
  stop(offline: boolean): Promise<void>;
}

/** A value that was written and is still asked for is written again after this: devices round or forget. */
const REWRITE_MS = 30_000;
/** The state is repeated, so that the cloud sees when a device was last online. */
const STATE_MS = 60_000;

export function startDeviceSession(options: SessionOptions): DeviceSession {
  const { id, device, publish, clock, log } = options;
  const { properties, driver, reportMs = 1000, timeoutMs = 5000 } = device;
  const base = `$hw/events/device/${id}`;
  const writable = new Set(properties.filter((one) => one.writable).map(({ name }) => name));
  const stopping = new AbortController();
  const wanted = new Map<string, string>();
  const written = new Map<string, { readonly value: string; readonly at: number }>();
  let state = '';
  let stateAt = 0;
  let wake: (() => void) | undefined;

  const limited = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const ending = new AbortController();
    const onStop = (): void => ending.abort(stopping.signal.reason);
    stopping.signal.addEventListener('abort', onStop, { once: true });
    const cancel = clock.after(timeoutMs, () =>
      ending.abort(mapperErrors.create('MAPPER_TIMEOUT', { device: id, timeoutMs })),
    );
    const ended = new Promise<never>((_, reject) => {
      ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true });
    });
    try {
      return await Promise.race([work(ending.signal), ended]);
    } finally {
      cancel();
      stopping.signal.removeEventListener('abort', onStop);
    }
  };

  const reportState = (now: string): void => {
    if (now === state && clock.monotonic() - stateAt < STATE_MS) return;
    if (now !== state) log.info({ device: id, state: now }, 'device state changed');
    state = now;
    stateAt = clock.monotonic();
    publish(`${base}/state/update`, JSON.stringify({ event_id: '', timestamp: clock.now(), state: now }));
  };

  const report = async (): Promise<void> => {
    const twin: Record<string, object> = {};
    let failed = false;
    for (const { name, type = 'string' } of properties) {
      try {
        const value = await limited((signal) => driver.read(name, signal));
        twin[name] = { actual: { value, metadata: { timestamp: clock.now() } }, metadata: { type } };
      } catch (cause) {
        if (stopping.signal.aborted) return;
        failed = true;
        const error = mapperErrors.create('MAPPER_READ_FAILED', { device: id, property: name }, cause);
        log.warn({ code: error.code, device: id, property: name, err: errorText(error) }, 'read failed');
      }
    }
    if (Object.keys(twin).length > 0) {
      publish(`${base}/twin/update`, JSON.stringify({ event_id: '', timestamp: clock.now(), twin }));
    }
    reportState(failed ? 'offline' : 'online');
  };

  const write = async (): Promise<boolean> => {
    let any = false;
    for (const [property, value] of [...wanted]) {
      if (wanted.get(property) === value) wanted.delete(property);
      const before = written.get(property);
      if (before?.value === value && clock.monotonic() - before.at < REWRITE_MS) continue;
      try {
        await limited((signal) => driver.write(property, value, signal));
        written.set(property, { value, at: clock.monotonic() });
        log.info({ device: id, property, value }, 'desired value written');
        any = true;
      } catch (cause) {
        if (stopping.signal.aborted) return any;
        const error = mapperErrors.create('MAPPER_WRITE_FAILED', { device: id, property, value }, cause);
        log.warn({ code: error.code, device: id, property, err: errorText(error) }, 'write failed');
      }
    }
    return any;
  };

  /** Resolves when the next report is due or something is to be written. */
  const pause = async (until: number): Promise<void> => {
    if (wanted.size > 0 || stopping.signal.aborted) return;
    const woken = new AbortController();
    wake = () => woken.abort();
    // Rejects because it was woken; the loop looks why.
    await sleep(clock, Math.max(0, until - clock.monotonic()), woken.signal).catch(() => {});
    wake = undefined;
  };

  const run = async (): Promise<void> => {
    let due = clock.monotonic();
    while (!stopping.signal.aborted) {
      const changed = await write();
      if (changed || clock.monotonic() >= due) {
        await report();
        due = clock.monotonic() + reportMs;
      }
      await pause(due);
    }
  };
  const running = run();

  return {
    want(values) {
      for (const [name, value] of values) if (writable.has(name)) wanted.set(name, value);
      if (wanted.size > 0) wake?.();
    },
    refresh() {
      stateAt = Number.NEGATIVE_INFINITY;
    },
    async stop(offline) {
      stopping.abort(new Error('the mapper is stopping'));
      wake?.();
      await running;
      if (offline) reportState('offline');
    },
  };
}
