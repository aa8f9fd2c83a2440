import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
// the default import: in the bundle the module is loaded at its first use
import zlib from 'node:zlib';
import type { Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import type { ContainerLogsConfig } from '../config.ts';
import { compressedName, planRotation, rotatedName, TEMPORARY } from './rotation-plan.ts';
import { type RunningLog, runningLogs } from './running-logs.ts';

export interface LogRotationOptions {
  readonly config: ContainerLogsConfig;
  readonly podLogsDir: string;
  /** With their current statuses. */
  readonly pods: () => readonly Pod[];
  readonly cri: Pick<CriClient, 'reopenContainerLog'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps the logs of running containers small (spec/edged.md §17): one `stat` each while nothing is due. */
export interface LogRotation {
  /** Rotates until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Looks at all logs once. */
  check(signal: AbortSignal): Promise<void>;
}

/** A container without a log is not asked again at every look. */
const MISSING_RETRY_MS = 300_000;

export function createLogRotation(options: LogRotationOptions): LogRotation {
  const { config, podLogsDir, pods, cri, clock, log } = options;
  /** Container id → when it may be tried again. */
  const troubled = new Map<string, number>();

  const compress = async (path: string): Promise<void> => {
    const temporary = `${path}${TEMPORARY}`;
    const { mode } = await stat(path);
    await pipeline(createReadStream(path), zlib.createGzip(), createWriteStream(temporary, { mode }));
    await rename(temporary, compressedName(path));
    await rm(path);
  };

  const rotate = async ({ path, containerId }: RunningLog, signal: AbortSignal): Promise<void> => {
    const dir = dirname(path);
    const names = (await readdir(dir)).filter((name) => name.startsWith(`${basename(path)}.`));
    const { remove, compress: toCompress } = planRotation(names, config.maxFiles);
    for (const name of remove) await rm(join(dir, name), { force: true });
    for (const name of toCompress) await compress(join(dir, name));
    const rotated = rotatedName(path, clock.now());
    if (names.includes(basename(rotated))) throw new Error(`${rotated} exists already`);
    await rename(path, rotated);
    try {
      await cri.reopenContainerLog({ containerId }, { signal });
    } catch (error) {
      // The runtime goes on writing to the file it has: under its old name it is found again.
      await rename(rotated, path);
      throw error;
    }
  };

  /** Undefined when there is no log even after the runtime was asked for one. */
  const sizeOf = async ({ path, containerId }: RunningLog, signal: AbortSignal) => {
    const there = await stat(path).catch(() => undefined);
    if (there !== undefined) return there.size;
    // a rotation that was cut short between its two steps
    await cri.reopenContainerLog({ containerId }, { signal });
    return (await stat(path).catch(() => undefined))?.size;
  };

  const look = async (one: RunningLog, signal: AbortSignal): Promise<void> => {
    if ((troubled.get(one.containerId) ?? 0) > clock.monotonic()) return;
    try {
      const size = await sizeOf(one, signal);
      if (size === undefined) troubled.set(one.containerId, clock.monotonic() + MISSING_RETRY_MS);
      else if (size >= config.maxBytes) {
        await rotate(one, signal);
        log.debug({ path: one.path, size }, 'container log rotated');
      }
    } catch (error) {
      if (signal.aborted) return;
      const known = troubled.has(one.containerId);
      troubled.set(one.containerId, clock.monotonic() + config.intervalMs * (known ? 6 : 1));
      if (!known)
        log.warn({ path: one.path, err: errorText(error) }, 'container log cannot be rotated, trying again');
    }
  };

  const check = async (signal: AbortSignal): Promise<void> => {
    const waiting = runningLogs(podLogsDir, pods());
    const ids = new Set(waiting.map(({ containerId }) => containerId));
    for (const id of troubled.keys()) if (!ids.has(id)) troubled.delete(id);
    const worker = async (): Promise<void> => {
      for (let one = waiting.pop(); one !== undefined && !signal.aborted; one = waiting.pop())
        await look(one, signal);
    };
    await Promise.all(Array.from({ length: config.maxWorkers }, worker));
  };

  return {
    check,
    async run(signal) {
      if (config.maxBytes < 0) return;
      while (!signal.aborted) {
        await sleep(clock, config.intervalMs, signal).catch(() => undefined);
        if (!signal.aborted) await check(signal);
      }
    },
  };
}
