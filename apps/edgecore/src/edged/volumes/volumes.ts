import { chmod, chown, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { Mounts } from '../host.ts';
import type { PodAddresses } from '../pod/field-path.ts';
import { qosOf } from '../pod/qos.ts';
import { allContainersOf } from '../pod/spec.ts';
import { parseQuantity } from '../quantity.ts';
import { identityOf } from '../runtime/labels.ts';
import { referencedReader } from '../runtime/referenced.ts';
import { podLimits } from '../runtime/resources.ts';
import { createTurns, type Turns } from '../turns.ts';
import { writeAtomically } from './atomic-writer.ts';
import { buildPayload, type Volume } from './build.ts';
import { prepareHostPath } from './host-path.ts';
import { problem } from './payload.ts';

export interface PreparedVolume {
  readonly hostPath: string;
  /** Volumes made of API objects are mounted read-only. */
  readonly readOnly: boolean;
}

export interface PreparedVolumes {
  readonly byName: ReadonlyMap<string, PreparedVolume>;
  /** When a token in them is due, ms since the epoch. */
  readonly refreshAt: number | undefined;
}

export interface VolumeContext {
  readonly addresses: PodAddresses;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The volumes of this node's pods, below `<root>/pods/<uid>` (spec/edged.md §12). */
export interface Volumes {
  /** Makes what the pod's containers mount, and brings its content up to date. Idempotent. @throws EDGED_VOLUME, EDGED_VOLUME_PATH */
  prepare(pod: Pod, context: VolumeContext): Promise<PreparedVolumes>;
  /** Unmounts everything of the pod and removes its directory. */
  release(uid: string): Promise<void>;
  /** Uids that have a directory, from this run or an earlier one. */
  directories(): Promise<readonly string[]>;
}

export interface VolumesOptions {
  readonly rootDir: string;
  readonly meta: Pick<MetaClient, 'getReferenced' | 'getToken'>;
  readonly mounts: Mounts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const UNMOUNT_ROUNDS = 3;

export function createVolumes({ rootDir, meta, mounts, clock, random, log }: VolumesOptions): Volumes {
  const podsDir = join(rootDir, 'pods');
  const turns = new Map<string, Turns>();
  /** Directories known to be in place in this run. */
  const ready = new Map<string, Set<string>>();
  let tmpfsRefused = false;

  const turnsOf = (uid: string): Turns => {
    const own = turns.get(uid) ?? createTurns();
    turns.set(uid, own);
    return own;
  };

  const directory = async (uid: string, plugin: string, volume: string, memory: Memory): Promise<string> => {
    const dir = join(podsDir, uid, 'volumes', `kubernetes.io~${plugin}`, volume);
    const known = ready.get(uid) ?? new Set();
    ready.set(uid, known);
    if (known.has(dir)) return dir;
    await mkdir(dir, { recursive: true, mode: 0o750 });
    if (memory !== false && !(await mounts.list()).includes(dir)) {
      await mountMemory(dir, memory === true ? undefined : memory);
    }
    await chmod(dir, 0o777);
    known.add(dir);
    return dir;
  };

  const mountMemory = async (dir: string, size: number | undefined): Promise<void> => {
    try {
      await mounts.tmpfs(dir, size);
    } catch (error) {
      if (size !== undefined) throw problem(dir, `no memory file system: ${errorText(error)}`, error);
      if (!tmpfsRefused)
        log.warn({ dir, err: errorText(error) }, 'tmpfs is not permitted, secrets are kept on disk');
      tmpfsRefused = true;
    }
  };

  const prepareOne = async (
    volume: Volume,
    pod: Pod,
    context: VolumeContext,
    read: ReturnType<typeof referencedReader>,
  ) => {
    const { uid } = identityOf(pod);
    const fsGroup = pod.spec?.securityContext?.fsGroup;
    if (volume.hostPath !== undefined) {
      await prepareHostPath(volume.name, volume.hostPath.path, volume.hostPath.type ?? '');
      return { hostPath: volume.hostPath.path, readOnly: false, refreshAt: undefined };
    }
    if (volume.emptyDir !== undefined) {
      const dir = await directory(uid, 'empty-dir', volume.name, emptyDirMemory(volume, pod, context));
      if (fsGroup !== undefined) {
        await chown(dir, 0, fsGroup);
        await chmod(dir, 0o2777);
      }
      return { hostPath: dir, readOnly: false, refreshAt: undefined };
    }
    const now = clock.now();
    const built = await buildPayload(volume, { pod, ...context, read, meta, now, random });
    if (built === undefined) {
      const type = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
      throw problem(volume.name, `volumes of type ${type} are not supported by this version`);
    }
    const plugin = pluginOf(volume);
    const dir = await directory(uid, plugin, volume.name, plugin !== 'configmap');
    const ownership = fsGroup === undefined ? undefined : { gid: fsGroup };
    if (await writeAtomically(dir, built.payload, now, ownership)) {
      log.debug({ pod: pod.metadata.name, volume: volume.name }, 'volume written');
    }
    return { hostPath: dir, readOnly: true, refreshAt: built.refreshAt };
  };

  const unmountBelow = async (dir: string): Promise<void> => {
    for (let round = 1; ; round++) {
      const points = (await mounts.list()).filter((point) => point.startsWith(`${dir}/`));
      if (points.length === 0) return;
      for (const point of points.sort((a, b) => b.length - a.length)) {
        try {
          await mounts.unmount(point);
        } catch (error) {
          if (round === UNMOUNT_ROUNDS) throw error;
        }
      }
    }
  };

  return {
    prepare(pod, context) {
      const { uid, namespace } = identityOf(pod);
      return turnsOf(uid).run(async () => {
        const used = new Set(
          allContainersOf(pod).flatMap(({ volumeMounts }) => (volumeMounts ?? []).map(({ name }) => name)),
        );
        const read = referencedReader(meta, namespace);
        const byName = new Map<string, PreparedVolume>();
        let refreshAt: number | undefined;
        await mkdir(join(podsDir, uid), { recursive: true, mode: 0o750 });
        for (const volume of pod.spec?.volumes ?? []) {
          if (!used.has(volume.name)) continue;
          const prepared = await prepareOne(volume, pod, context, read);
          byName.set(volume.name, prepared);
          if (prepared.refreshAt !== undefined)
            refreshAt = Math.min(refreshAt ?? prepared.refreshAt, prepared.refreshAt);
        }
        return { byName, refreshAt };
      });
    },
    release(uid) {
      return turnsOf(uid).run(async () => {
        const dir = join(podsDir, uid);
        await unmountBelow(dir);
        await rm(dir, { recursive: true, force: true });
        ready.delete(uid);
        turns.delete(uid);
      });
    },
    async directories() {
      try {
        return (await readdir(podsDir, { withFileTypes: true }))
          .filter((e) => e.isDirectory())
          .map(({ name }) => name);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    },
  };
}

/** On disk, in memory of the default size, or in memory of that many bytes. */
type Memory = boolean | number;

function emptyDirMemory(volume: Volume, pod: Pod, { allocatable }: VolumeContext): Memory {
  const { medium, sizeLimit } = volume.emptyDir ?? {};
  if (medium === undefined || medium === '') return false;
  if (medium !== 'Memory')
    throw problem(volume.name, `emptyDir medium ${medium} is not supported by this version`);
  const limits = [
    parseQuantity(sizeLimit),
    podLimits(pod, qosOf(pod)).memoryLimit,
    parseQuantity(allocatable['memory']),
  ];
  const sizes = limits.filter((size) => size !== undefined && size > 0) as number[];
  return sizes.length === 0 ? true : Math.trunc(Math.min(...sizes));
}

function pluginOf({ configMap, secret, downwardAPI }: Volume): string {
  if (configMap !== undefined) return 'configmap';
  if (secret !== undefined) return 'secret';
  return downwardAPI !== undefined ? 'downward-api' : 'projected';
}
