import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import { type QosClass, qosOf } from '../pod/qos.ts';
import type { CgroupLimits } from './cgroup-limits.ts';
import {
  type CgroupDriver,
  type CgroupName,
  cgroupPath,
  podCgroup,
  podUidOf,
  qosCgroup,
  sliceOf,
} from './cgroup-path.ts';
import type { CgroupTree } from './cgroup-tree.ts';
import { type HierarchyLimits, podCgroupLimits } from './qos-limits.ts';
import type { SystemdSlices } from './systemd-slices.ts';

export interface CgroupSettings {
  readonly driver: CgroupDriver;
  /** Empty or `/`: the root. */
  readonly root: string;
  /** False: pods get no cgroup of their own. */
  readonly perQos: boolean;
  readonly cpuCfsQuota: boolean;
  /** Microseconds. */
  readonly cpuPeriodUs: number;
  /** Processes of one pod; not positive: unlimited. */
  readonly podPids: number;
  /** Sizes of huge pages of this machine, `2MB`. */
  readonly hugepageSizes: readonly string[];
}

/**
 * The cgroups of pods (spec/edged.md §4.2): limits that hold for all containers of a pod together, and for all pods of
 * a class. With the systemd driver they are slices, made by systemd (ADR 042). A machine that does not permit it runs
 * pods without them.
 */
export interface PodCgroups {
  /** The sandbox's `cgroup_parent`. */
  parentOf(pod: Pod, settings: CgroupSettings): string;
  /** Makes the pod's cgroup. */
  ensure(pod: Pod, settings: CgroupSettings): Promise<void>;
  /** Ends what still runs in the pod's cgroup, whatever its class, and removes it. */
  remove(uid: string, settings: CgroupSettings): Promise<void>;
  /** Uids of pods of which only an empty one is there; what runs in one may belong to another kubelet of this machine. */
  abandoned(settings: CgroupSettings): Promise<readonly string[]>;
  /** Gives `kubepods` and the classes below it their limits. */
  limit(hierarchy: HierarchyLimits, settings: CgroupSettings): Promise<void>;
}

const CLASSES: readonly QosClass[] = ['Guaranteed', 'Burstable', 'BestEffort'];

export interface PodCgroupsOptions {
  /** Opened at the first use. */
  readonly tree: () => Promise<CgroupTree>;
  readonly slices: SystemdSlices;
  readonly log: Logger;
}

export function createPodCgroups({ tree: open, slices, log }: PodCgroupsOptions): PodCgroups {
  let opened: Promise<CgroupTree> | undefined;
  let refused = false;
  const tree = (): Promise<CgroupTree> => (opened ??= open());

  const permitted = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      refused = false;
    } catch (error) {
      if (!refused)
        log.warn(
          { err: errorText(error) },
          'cgroups of pods cannot be set up, their limits are not enforced',
        );
      refused = true;
    }
  };

  const write = async (name: CgroupName, limits: CgroupLimits, driver: CgroupDriver): Promise<void> => {
    const files = await tree();
    if (driver === 'cgroupfs') return files.write(cgroupPath(driver, name), limits);
    const parent = name.length > 1 ? sliceOf(name.slice(0, -1)) : '';
    await slices.put(sliceOf(name), parent, limits, files.version);
    // systemd knows nothing of huge pages and leaves their files alone.
    const { hugepages } = limits;
    if (hugepages !== undefined && hugepages.size > 0)
      await files.write(cgroupPath(driver, name), { hugepages });
  };

  const removeOne = async (name: CgroupName, driver: CgroupDriver): Promise<void> => {
    const files = await tree();
    const path = cgroupPath(driver, name);
    const entry = path.slice(path.lastIndexOf('/') + 1);
    if (!(await files.list(cgroupPath(driver, name.slice(0, -1)))).includes(entry)) return;
    if (driver === 'systemd') {
      await slices.stop(entry).catch((error) => {
        log.debug({ slice: entry, err: errorText(error) }, 'slice could not be stopped');
      });
    }
    if (!(await files.remove(path))) throw new Error('something in it does not end');
  };

  return {
    parentOf(pod, { driver, root, perQos }) {
      if (!perQos) return root === '/' ? '' : root;
      return cgroupPath(driver, podCgroup(root, qosOf(pod), pod.metadata.uid ?? ''));
    },
    async ensure(pod, settings) {
      if (!settings.perQos) return;
      const qos = qosOf(pod);
      const name = podCgroup(settings.root, qos, pod.metadata.uid ?? '');
      await permitted(() => write(name, podCgroupLimits(pod, qos, settings), settings.driver));
    },
    async remove(uid, { driver, root, perQos }) {
      if (!perQos) return;
      for (const qos of CLASSES) {
        const name = podCgroup(root, qos, uid);
        // An empty directory that stays is no reason for a pod to stay.
        await removeOne(name, driver).catch((error) => {
          log.warn(
            { cgroup: cgroupPath(driver, name), err: errorText(error) },
            'a cgroup could not be removed',
          );
        });
      }
    },
    async abandoned({ driver, root, perQos }) {
      if (!perQos) return [];
      const files = await tree();
      const uids: string[] = [];
      for (const qos of CLASSES) {
        const parent = cgroupPath(driver, qosCgroup(root, qos));
        for (const entry of await files.list(parent)) {
          const uid = podUidOf(driver, entry);
          if (uid === undefined) continue;
          if ((await files.processes(`${parent}/${entry}`)).length === 0) uids.push(uid);
        }
      }
      return uids;
    },
    async limit({ all, burstable, bestEffort }, { driver, root, perQos }) {
      if (!perQos) return;
      await permitted(() => write(qosCgroup(root, 'Guaranteed'), all, driver));
      await permitted(() => write(qosCgroup(root, 'Burstable'), burstable, driver));
      await permitted(() => write(qosCgroup(root, 'BestEffort'), bestEffort, driver));
    },
  };
}
