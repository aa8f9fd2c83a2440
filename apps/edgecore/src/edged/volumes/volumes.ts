import { mkdir } from 'node:fs/promises';
import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { NamedNode } from '../admission/index.ts';
import type { BlockDevices } from '../block-devices.ts';
import type { Events } from '../events.ts';
import type { Mounts } from '../host.ts';
import { identityOf } from '../runtime/labels.ts';
import { createTurns, type Turns } from '../turns.ts';
import { type ClaimedVolume, claimNameOf, resolveClaim } from './claim.ts';
import { createPodObjects, type PodObjects } from './objects.ts';
import { volumePaths } from './paths.ts';
import { usersOf } from './persistent.ts';
import type { PreparedVolume, Volume, VolumeContext, VolumePlugin, VolumeRequest } from './plugin.ts';
import { pluginTable } from './plugins.ts';
import { eventOf, volumeProblem } from './problems.ts';
import { podDirectories, releasePod } from './release.ts';
import { shareRoot } from './share-root.ts';
import type { PodTokens } from './tokens.ts';
import { usesOf } from './uses.ts';

export type { PreparedVolume, VolumeContext } from './plugin.ts';

export interface PreparedVolumes {
  readonly byName: ReadonlyMap<string, PreparedVolume>;
  /** When a token in them is due, ms since the epoch. */
  readonly refreshAt: number | undefined;
  /** Groups that containers get so that they may use the volumes. */
  readonly supplementalGroups: readonly number[];
}

/** The volumes of this node's pods, below `<root>/pods/<uid>` (spec/edged.md §12). */
export interface Volumes {
  /** Makes the root ready for mounts that propagate, and ends what a crash has left between pods. Never rejects. */
  open(): Promise<void>;
  /**
   * Makes what the pod's containers mount, and brings its content up to date. Idempotent. One volume that fails does not
   * keep the others from being made. @throws EDGED_VOLUME, EDGED_VOLUME_PATH
   */
  prepare(pod: Pod, context: VolumeContext, signal?: AbortSignal): Promise<PreparedVolumes>;
  /** As last prepared in this run, for statistics. */
  current(uid: string): PreparedVolumes | undefined;
  /** Unmounts everything of the pod and removes its directory, also what an earlier run has made. Idempotent. */
  release(uid: string): Promise<void>;
  /** Uids that have a directory, from this run or an earlier one. */
  directories(): Promise<readonly string[]>;
}

export interface VolumesOptions {
  readonly rootDir: string;
  readonly meta: Pick<MetaClient, 'getReferenced' | 'getObject'>;
  readonly mounts: Mounts;
  readonly blockDevices: BlockDevices;
  /** What persistent volumes' node affinity is compared with. */
  readonly node: () => Promise<NamedNode>;
  /** Absent: volumes of CSI drivers are refused. */
  readonly csi?: VolumePlugin;
  readonly tokens: PodTokens;
  readonly events: Pick<Events, 'pod'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is remembered of a pod between two looks at its volumes. */
interface PodVolumes {
  readonly turns: Turns;
  objects: PodObjects | undefined;
  /** Bound claims stay bound to what they are bound to. */
  readonly claims: Map<string, ClaimedVolume>;
  prepared: PreparedVolumes | undefined;
}

export function createVolumes(options: VolumesOptions): Volumes {
  const { rootDir, meta, mounts, node, tokens, events, log } = options;
  const paths = volumePaths(rootDir);
  const plugins = pluginTable({ ...options, paths });
  const pods = new Map<string, PodVolumes>();
  let labelsIgnored = false;

  const stateOf = (uid: string): PodVolumes => {
    const known = pods.get(uid);
    if (known !== undefined) return known;
    const fresh: PodVolumes = {
      turns: createTurns(),
      objects: undefined,
      claims: new Map(),
      prepared: undefined,
    };
    pods.set(uid, fresh);
    return fresh;
  };

  const claimOf = async (volume: Volume, pod: Pod, state: PodVolumes): Promise<ClaimedVolume | undefined> => {
    const name = claimNameOf(volume, pod);
    if (name === undefined) return undefined;
    const claim = state.claims.get(volume.name) ?? (await resolveClaim(volume, name, pod, meta, node));
    state.claims.set(volume.name, claim);
    return claim;
  };

  /** `ReadWriteOncePod` on this node: the scheduler sees to it as well, but not for pods bound by name. */
  const refuseSecondPod = async ({ pod, pv, specName, volume }: VolumeRequest, plugin: VolumePlugin) => {
    const modes = pv?.spec?.accessModes ?? [];
    if (plugin.name === undefined || modes.length !== 1 || modes[0] !== 'ReadWriteOncePod') return;
    const users = await usersOf(paths, plugin.name, specName);
    if (users.every((uid) => uid === pod.metadata.uid)) return;
    throw volumeProblem(
      volume.name,
      'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
    );
  };

  const prepareOne = async (
    request: Omit<VolumeRequest, 'specName'> & { claim: ClaimedVolume | undefined },
  ) => {
    const { claim, volume, pv } = request;
    const full: VolumeRequest = { ...request, specName: pv?.metadata.name ?? volume.name };
    const plugin = plugins.of(volume, pv);
    await refuseSecondPod(full, plugin);
    const { refreshAt, ...outcome } = await plugin.prepare(full);
    return { prepared: { ...outcome, specName: full.specName }, refreshAt, gid: claim?.gid };
  };

  const wordOnLabels = (pod: Pod): void => {
    if (labelsIgnored || pod.spec?.securityContext?.seLinuxOptions === undefined) return;
    labelsIgnored = true;
    log.warn({ pod: pod.metadata.name }, 'SELinux labels are not put on volumes');
  };

  return {
    async open() {
      await shareRoot(rootDir, mounts, log);
      await plugins.sweep().catch((error: unknown) => {
        log.warn({ err: errorText(error) }, 'disks that no pod uses could not be unmounted');
      });
    },
    prepare(pod, context, signal) {
      const { uid, namespace } = identityOf(pod);
      const state = stateOf(uid);
      return state.turns.run(async () => {
        wordOnLabels(pod);
        await mkdir(paths.pod(uid), { recursive: true, mode: 0o750 });
        state.objects ??= createPodObjects(meta, namespace);
        const read = state.objects.reader();
        const byName = new Map<string, PreparedVolume>();
        const groups = new Set<number>();
        const failures: unknown[] = [];
        let refreshAt: number | undefined;
        const uses = usesOf(pod);
        const make = async (volume: Volume): Promise<void> => {
          let specName = volume.name;
          try {
            const claim = await claimOf(volume, pod, state);
            specName = claim?.pv.metadata.name ?? specName;
            uses.check(volume.name, claim?.block === true);
            const { pv, readOnly = false, block = false } = claim ?? {};
            const made = await prepareOne({ pod, volume, claim, pv, readOnly, block, context, read, signal });
            byName.set(volume.name, made.prepared);
            if (made.gid !== undefined) groups.add(made.gid);
            if (made.refreshAt !== undefined)
              refreshAt = Math.min(refreshAt ?? made.refreshAt, made.refreshAt);
          } catch (error) {
            failures.push(error);
            if (signal?.aborted === true) return;
            const { reason, message } = eventOf(error, specName, volume.name);
            events.pod(pod, 'Warning', reason, message);
          }
        };
        const wanted = ((pod.spec?.volumes ?? []) as readonly Volume[]).filter(({ name }) => uses.any(name));
        await Promise.all(wanted.map(make));
        if (failures.length > 0) throw failures[0];
        state.prepared = { byName, refreshAt, supplementalGroups: [...groups] };
        return state.prepared;
      }, signal);
    },
    current: (uid) => pods.get(uid)?.prepared,
    release(uid) {
      return stateOf(uid).turns.run(async () => {
        await releasePod(uid, { paths, mounts, plugins: plugins.byName });
        tokens.forget(uid);
        pods.delete(uid);
      });
    },
    directories: () => podDirectories(paths),
  };
}
