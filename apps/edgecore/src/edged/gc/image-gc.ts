import type { CriClient, Image } from '@kubeedge-ts/cri';
import { edgedErrors, errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import type { EdgedConfig } from '../config.ts';
import type { Events } from '../events.ts';
import type { Host } from '../host.ts';
import type { NodeImage } from '../node/node-object.ts';
import { createTurns } from '../turns.ts';
import { createImageMemory } from './image-memory.ts';
import { type ImageRecords, isHeld, removable, updateRecords } from './image-records.ts';

export interface ImageGcOptions {
  readonly cri: Pick<CriClient, 'listImages' | 'listContainers' | 'removeImage'>;
  readonly config: Pick<EdgedConfig, 'rootDir' | 'imageGc' | 'statusMaxImages' | 'sandboxImage'>;
  readonly host: Pick<Host, 'statfs'>;
  /** Where the runtime keeps its images; undefined while it does not say. */
  readonly imageFs: (signal: AbortSignal) => Promise<string | undefined>;
  /** Images that pods of this node name; undefined while the pods are not known yet. */
  readonly wanted: () => Iterable<string> | undefined;
  /** The sandbox image as the runtime's configuration names it. */
  readonly runtimeSandboxImage: () => string | undefined;
  readonly events: Pick<Events, 'node'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps the images from filling the disk (spec/edged.md §6). */
export interface ImageGc {
  /** Looks every 5 min until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Removes every image that nothing holds and that is old enough: the disk is short. */
  removeUnused(signal: AbortSignal): Promise<void>;
  /** For the node's status: largest first, as many as it may show. */
  readonly shown: readonly NodeImage[];
}

const PERIOD_MS = 300_000;
const SHOWN_PERIOD_MS = 30_000;
/** Before that the pods are still being started, and what they need is not seen yet. */
const FIRST_MS = 60_000;
const MAX_NAMES = 5;

interface Look {
  readonly images: readonly Image[];
  readonly held: ReadonlySet<string>;
}

export function createImageGc(options: ImageGcOptions): ImageGc {
  const { cri, config, host, events, clock, log } = options;
  const { highPercent, minAgeMs, maxAgeMs } = config.imageGc;
  const lowPercent = Math.min(config.imageGc.lowPercent, highPercent);
  const memory = createImageMemory(config.rootDir);
  const turns = createTurns();
  const startedAt = clock.monotonic();
  let records: ImageRecords | undefined;
  let shown: readonly NodeImage[] = [];
  let failedBefore = false;

  const show = (images: readonly Image[]): void => {
    const most = config.statusMaxImages < 0 ? images.length : config.statusMaxImages;
    shown = images
      .toSorted((a, b) => b.size - a.size)
      .slice(0, most)
      .map(({ repoDigests, repoTags, size }) => ({
        names: [...repoDigests, ...repoTags].slice(0, MAX_NAMES),
        sizeBytes: size,
      }));
  };

  const look = async (signal: AbortSignal): Promise<Look | undefined> => {
    const byPods = options.wanted();
    if (byPods === undefined) return undefined;
    const [{ images }, { containers }] = await Promise.all([
      cri.listImages({}, { signal }),
      cri.listContainers({}, { signal }),
    ]);
    const uses = {
      byPods: new Set(byPods),
      byContainers: new Set(
        containers.flatMap(({ image, imageRef, imageId }) => [imageId, imageRef, image?.image ?? '']),
      ),
      sandboxes: [config.sandboxImage, options.runtimeSandboxImage() ?? ''].filter((name) => name !== ''),
    };
    const held = new Set(images.filter((image) => isHeld(image, uses)).map(({ id }) => id));
    const now = clock.now();
    records = updateRecords(records ?? (await memory.read(now)), images, held, now);
    await memory.write(records, held).catch((error) => {
      log.debug({ err: errorText(error) }, 'use of images could not be noted');
    });
    show(images);
    return { images, held };
  };

  /** Bytes freed. Goes on after an image that cannot be removed, and then throws. */
  const free = async (images: readonly Image[], bytes: number, signal: AbortSignal): Promise<number> => {
    let freed = 0;
    const problems: string[] = [];
    for (const { id, repoTags, size } of images) {
      if (freed >= bytes) break;
      try {
        await cri.removeImage({ image: { image: id } }, { signal });
        freed += size;
        log.info({ image: repoTags[0] ?? id, size }, 'unused image removed');
      } catch (error) {
        signal.throwIfAborted();
        problems.push(errorText(error));
      }
    }
    if (problems.length > 0)
      throw failure(`wanted to free images, freed ${freed} bytes, not removed: [${problems.join(', ')}]`);
    return freed;
  };

  const candidates = ({ images, held }: Look, ageMs = minAgeMs): readonly Image[] =>
    removable(images, { records: records ?? new Map(), held, now: clock.now(), minAgeMs: ageMs });

  const freeOld = async (seen: Look, signal: AbortSignal): Promise<void> => {
    // What was used before this start may be unknown, so the age counts from the start at the earliest.
    if (maxAgeMs <= 0 || clock.monotonic() - startedAt <= maxAgeMs) return;
    const now = clock.now();
    const old = candidates(seen, 0).filter(({ id }) => now - (records?.get(id)?.lastUsed ?? now) > maxAgeMs);
    await free(old, Number.POSITIVE_INFINITY, signal);
  };

  const freeToThreshold = async (seen: Look, signal: AbortSignal): Promise<void> => {
    const path = await options.imageFs(signal);
    if (path === undefined) return;
    const { totalBytes, availableBytes } = await host.statfs(path);
    if (totalBytes === 0) {
      events.node('Warning', 'InvalidDiskCapacity', 'invalid capacity 0 on image filesystem');
      throw failure('invalid capacity 0 on image filesystem');
    }
    const available = Math.min(availableBytes, totalBytes);
    if (100 - Math.trunc((available * 100) / totalBytes) < highPercent) return;
    const wanted = Math.trunc((totalBytes * (100 - lowPercent)) / 100) - available;
    const freed = await free(candidates(seen), wanted, signal);
    if (freed >= wanted) return;
    const problem = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    events.node('Warning', 'FreeDiskSpaceFailed', problem);
    throw failure(problem);
  };

  const collect = async (signal: AbortSignal): Promise<void> => {
    const seen = await look(signal);
    if (seen === undefined) return;
    await freeOld(seen, signal);
    if (highPercent < 100) await freeToThreshold(seen, signal);
  };

  return {
    get shown() {
      return shown;
    },
    async run(signal) {
      let nextCollection = startedAt + FIRST_MS;
      while (!signal.aborted) {
        try {
          if (clock.monotonic() >= nextCollection) {
            nextCollection = clock.monotonic() + PERIOD_MS;
            await turns.run(() => collect(signal), signal);
            failedBefore = false;
          } else if (config.statusMaxImages !== 0) {
            show((await cri.listImages({}, { signal })).images);
          }
        } catch (error) {
          if (signal.aborted) return;
          const problem = errorText(error);
          log.warn({ err: problem }, 'unused images could not be removed');
          // As upstream: a first failure is often only that nothing is known yet.
          if (failedBefore) events.node('Warning', 'ImageGCFailed', problem);
          failedBefore = true;
        }
        const untilNext = Math.max(0, nextCollection - clock.monotonic());
        const waitMs = config.statusMaxImages === 0 ? untilNext : Math.min(untilNext, SHOWN_PERIOD_MS);
        await sleep(clock, waitMs, signal).catch(() => undefined);
      }
    },
    async removeUnused(signal) {
      await turns.run(async () => {
        const seen = await look(signal);
        if (seen !== undefined) await free(candidates(seen), Number.POSITIVE_INFINITY, signal);
      }, signal);
    },
  };
}

function failure(problem: string) {
  return edgedErrors.create('EDGED_IMAGE_GC', { problem });
}
