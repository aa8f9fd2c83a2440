import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import { identityOf } from '../runtime/labels.ts';
import type { ParseManifest } from './parse-manifest.ts';
import { staticPodOf } from './static-pod.ts';

export interface ManifestFolderOptions {
  /** Empty: there are no static pods. */
  readonly dir: string;
  readonly nodeName: string;
  readonly parse: ParseManifest;
  readonly clock: Clock;
  readonly log: Logger;
  /** All static pods there are now; called when that changes. */
  readonly onChange: (pods: readonly Pod[]) => void;
}

/** The folder of static pod manifests (spec/edged.md §14). */
export interface ManifestFolder {
  /** Reads the folder once; its pods. A folder that is not there has none. */
  read(signal: AbortSignal): Promise<readonly Pod[]>;
  /** Follows the folder until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

const RESCAN_MS = 20_000;
/** An editor writes in several steps. */
const SETTLE_MS = 100;
const MAX_BYTES = 10_485_760;
const MAX_FILES = 512;

interface Known {
  readonly digest: string;
  /** Undefined: the content is no pod; said once. */
  readonly pod: Pod | undefined;
}

export function createManifestFolder(options: ManifestFolderOptions): ManifestFolder {
  const { dir, nodeName, parse, clock, log, onChange } = options;
  let known = new Map<string, Known>();
  let unreadable = false;

  const readOne = async (file: string, signal: AbortSignal): Promise<Known | undefined> => {
    const before = known.get(file);
    try {
      const { size } = await stat(file);
      if (size > MAX_BYTES) throw new Error(`${size} bytes are more than a manifest may have (${MAX_BYTES})`);
      const text = await readFile(file, 'utf8');
      const digest = createHash('sha256').update(text).digest('base64');
      if (before?.digest === digest) return before;
      try {
        const value = await parse(file, text, signal);
        return { digest, pod: staticPodOf(value, { file, nodeName, seenAt: clock.now() }) };
      } catch (error) {
        if (signal.aborted) return before;
        log.error({ file, err: errorText(error) }, 'static pod manifest cannot be used');
        // What ran before goes on until there is something to replace it with.
        return { digest, pod: before?.pod };
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      if (before === undefined)
        log.error({ file, err: errorText(error) }, 'static pod manifest cannot be read');
      return before ?? { digest: '', pod: undefined };
    }
  };

  const namesOf = async (): Promise<readonly string[]> => {
    try {
      const names = (await readdir(dir, { withFileTypes: true }))
        .filter((entry) => !entry.name.startsWith('.') && !entry.isDirectory())
        .map(({ name }) => name)
        .sort();
      if (names.length > MAX_FILES)
        log.warn({ dir, files: names.length }, `only ${MAX_FILES} manifests are read`);
      unreadable = false;
      return names.slice(0, MAX_FILES);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      if (!unreadable) log.error({ dir, err: errorText(error) }, 'folder of static pods cannot be read');
      unreadable = true;
      return [...known.keys()].map((file) => file.slice(dir.length + 1));
    }
  };

  const pods = (): readonly Pod[] => {
    const byName = new Map<string, Pod>();
    for (const [file, { pod }] of known) {
      if (pod === undefined) continue;
      const { name, namespace } = identityOf(pod);
      const fullName = `${namespace}/${name}`;
      if (byName.has(fullName))
        log.error({ file, pod: fullName }, 'another manifest has this pod already, ignored');
      else byName.set(fullName, pod);
    }
    return [...byName.values()];
  };

  const read = async (signal: AbortSignal): Promise<readonly Pod[]> => {
    const now = new Map<string, Known>();
    for (const name of await namesOf()) {
      const one = await readOne(join(dir, name), signal);
      if (one !== undefined) now.set(join(dir, name), one);
    }
    known = now;
    return pods();
  };

  return {
    read: async (signal) => (dir === '' ? [] : read(signal)),
    async run(signal) {
      if (dir === '') return;
      let changed = Promise.withResolvers<void>();
      let said = uids(pods());
      while (!signal.aborted) {
        // Watched anew each time: the folder may have been made, or replaced, in the meantime.
        const watcher = watchFolder(dir, () => changed.resolve());
        const alarm = new AbortController();
        await Promise.race([
          sleep(clock, RESCAN_MS, AbortSignal.any([signal, alarm.signal])).catch(() => undefined),
          changed.promise,
        ]);
        alarm.abort();
        watcher?.close();
        await sleep(clock, SETTLE_MS, signal).catch(() => undefined);
        changed = Promise.withResolvers<void>();
        if (signal.aborted) return;
        const found = await read(signal);
        if (uids(found) !== said) onChange(found);
        said = uids(found);
      }
    },
  };
}

function uids(pods: readonly Pod[]): string {
  return pods.map(({ metadata }) => metadata.uid).join();
}

function watchFolder(dir: string, onEvent: () => void) {
  try {
    const watcher = watch(dir, { persistent: false }, onEvent);
    // The next round finds out what happened to the folder.
    watcher.on('error', onEvent);
    return watcher;
  } catch {
    // Not there yet, or the system has no more watches: the rescan finds what changes.
    return undefined;
  }
}
