import { mkdir, readdir, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import { type QosClass, qosOf } from '../pod/qos.ts';
import { type CgroupDriver, podCgroup, qosCgroup } from './cgroup-path.ts';
import { CPU_PERIOD_US, cpuShares, type PodLimits, podLimits } from './resources.ts';

export interface CgroupSettings {
  readonly driver: CgroupDriver;
  /** Empty or `/`: the root. */
  readonly root: string;
  /** False: pods get no cgroup of their own. */
  readonly perQos: boolean;
}

/**
 * The cgroups of pods (spec/edged.md §4.2): limits that hold for all containers of a pod together. With the systemd
 * driver the slices are systemd's and only named here. A machine that does not permit writing runs pods without them.
 */
export interface PodCgroups {
  /** Makes the pod's cgroup; resolves with the sandbox's `cgroup_parent`. */
  ensure(pod: Pod, settings: CgroupSettings): Promise<string>;
  remove(uid: string, settings: CgroupSettings): Promise<void>;
}

/** What is left after that is only an empty directory of the kernel's. */
const BUSY_TRIES = 10;
const BUSY_MS = 100;
const CLASSES: readonly QosClass[] = ['Guaranteed', 'Burstable', 'BestEffort'];

export function createPodCgroups(clock: Clock, log: Logger, mountPoint = '/sys/fs/cgroup'): PodCgroups {
  let refused = false;

  const isV2 = async (): Promise<boolean> =>
    stat(join(mountPoint, 'cgroup.controllers')).then(
      () => true,
      () => false,
    );

  const permitted = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!refused)
        log.warn({ err: errorText(error) }, 'pod cgroups cannot be set up, pod limits are not enforced');
      refused = true;
    }
  };

  return {
    async ensure(pod, { driver, root, perQos }) {
      if (!perQos) return root === '/' ? '' : root;
      const qos = qosOf(pod);
      const path = podCgroup(driver, root, qos, pod.metadata.uid ?? '');
      if (driver === 'cgroupfs') {
        const limits = podLimits(pod, qos);
        await permitted(async () => {
          if (await isV2()) await setV2(mountPoint, path, limits);
          else await setV1(mountPoint, path, qosCgroup(root, qos), qos, limits);
        });
      }
      return path;
    },
    async remove(uid, { driver, root, perQos }) {
      if (!perQos || driver !== 'cgroupfs') return;
      const controllers = (await isV2()) ? [''] : await readdir(mountPoint).catch(() => []);
      for (const controller of controllers) {
        for (const qos of CLASSES) {
          const dir = join(mountPoint, controller, podCgroup(driver, root, qos, uid));
          for (let tries = 0; !(await removeTree(dir)) && tries < BUSY_TRIES; tries++)
            await sleep(clock, BUSY_MS);
        }
      }
    },
  };
}

async function setV1(
  mountPoint: string,
  path: string,
  level: string,
  qos: QosClass,
  limits: PodLimits,
): Promise<void> {
  const cpu = join(mountPoint, 'cpu');
  const memory = join(mountPoint, 'memory');
  await mkdir(join(cpu, path), { recursive: true });
  await mkdir(join(memory, path), { recursive: true });
  if (qos === 'BestEffort') await writeFile(join(cpu, level, 'cpu.shares'), String(cpuShares(0)));
  await writeFile(join(cpu, path, 'cpu.shares'), String(limits.cpuShares));
  await writeFile(join(cpu, path, 'cpu.cfs_period_us'), String(CPU_PERIOD_US));
  await writeFile(join(cpu, path, 'cpu.cfs_quota_us'), String(limits.cpuQuota || -1));
  await writeFile(join(memory, path, 'memory.limit_in_bytes'), String(limits.memoryLimit || -1));
}

async function setV2(mountPoint: string, path: string, limits: PodLimits): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '');
  let dir = mountPoint;
  for (const part of parts) {
    await writeFile(join(dir, 'cgroup.subtree_control'), '+cpu +memory +pids');
    dir = join(dir, part);
    await mkdir(dir, { recursive: true });
  }
  const weight = 1 + Math.floor(((limits.cpuShares - 2) * 9999) / 262_142);
  await writeFile(join(dir, 'cpu.weight'), String(weight));
  await writeFile(join(dir, 'cpu.max'), `${limits.cpuQuota || 'max'} ${CPU_PERIOD_US}`);
  await writeFile(join(dir, 'memory.max'), String(limits.memoryLimit || 'max'));
}

/** Cgroup directories go only empty. False: a process has not quite left yet. */
async function removeTree(dir: string): Promise<boolean> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return true;
  let empty = true;
  for (const entry of entries) {
    if (entry.isDirectory() && !(await removeTree(join(dir, entry.name)))) empty = false;
  }
  if (!empty) return false;
  try {
    await rmdir(dir);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false;
    throw error;
  }
}
