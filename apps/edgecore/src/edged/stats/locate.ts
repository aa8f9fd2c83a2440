import type { CriClient } from '@kubeedge-ts/cri';
import { cgroupPath, podCgroup, qosCgroup } from '../runtime/cgroup-path.ts';
import type { CgroupSettings } from '../runtime/cgroups.ts';
import type { Cgroups } from './cgroups.ts';

/** Finds the cgroups of pods and containers, and remembers them. */
export interface CgroupLocator {
  /** Undefined when the pod has none of its own. */
  pod(uid: string): string | undefined;
  /** Of a container or sandbox below the pod's cgroup, else wherever its process is. */
  container(id: string, podPath: string | undefined): Promise<string | undefined>;
  sandbox(id: string, podPath: string | undefined): string | undefined;
  /** The cgroup above all pods. */
  readonly allPods: string;
  /** Forgets all other containers. */
  retain(ids: ReadonlySet<string>): void;
}

/** What is needed of the settings of pods' cgroups. */
export type CgroupTree = Pick<CgroupSettings, 'driver' | 'root' | 'perQos'>;

const CLASSES = ['BestEffort', 'Burstable', 'Guaranteed'] as const;

export function createCgroupLocator(
  cgroups: Cgroups,
  settings: () => CgroupTree,
  cri: Pick<CriClient, 'containerStatus'>,
): CgroupLocator {
  const found = new Map<string, string | undefined>();

  /** `cri-containerd-<id>.scope`, `crio-<id>.scope` or the bare id. */
  const below = (podPath: string, id: string): string | undefined => {
    const name = cgroups.children(podPath).find((child) => child.includes(id));
    return name === undefined ? undefined : `${podPath}/${name}`;
  };

  const byProcess = async (id: string): Promise<string | undefined> => {
    const { info } = await cri.containerStatus({ containerId: id, verbose: true }, { timeoutMs: 10_000 });
    const pid = pidIn(info['info']);
    return pid === undefined ? undefined : cgroups.ofProcess(pid);
  };

  return {
    pod(uid) {
      const { driver, root, perQos } = settings();
      if (!perQos) return undefined;
      return CLASSES.map((qos) => cgroupPath(driver, podCgroup(root, qos, uid))).find(
        (path) => cgroups.processes(path).length > 0 || cgroups.children(path).length > 0,
      );
    },
    sandbox: (id, podPath) => (podPath === undefined ? undefined : below(podPath, id)),
    async container(id, podPath) {
      if (found.has(id)) return found.get(id);
      const path =
        (podPath === undefined ? undefined : below(podPath, id)) ??
        // not worth failing for: a container without figures is one that has just gone
        (await byProcess(id).catch(() => undefined));
      found.set(id, path);
      return path;
    },
    get allPods() {
      const { driver, root } = settings();
      return cgroupPath(driver, qosCgroup(root, 'Guaranteed'));
    },
    retain(ids) {
      for (const id of found.keys()) if (!ids.has(id)) found.delete(id);
    },
  };
}

/** The verbose status of containerd and CRI-O carries the process id in a JSON text. */
function pidIn(info: string | undefined): number | undefined {
  try {
    const { pid } = JSON.parse(info ?? 'null') as { pid?: unknown };
    return typeof pid === 'number' && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
