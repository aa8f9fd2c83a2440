import { join } from 'node:path';
import { volumePathProblem } from './problems.ts';

/** Kubernetes' names of the plugins whose volumes have a directory in the pod's (spec/edged.md §12.1). */
export type PluginName =
  | 'empty-dir'
  | 'configmap'
  | 'secret'
  | 'downward-api'
  | 'projected'
  | 'local-volume'
  | 'nfs'
  | 'csi';

export const READY = 'ready';

/** Where things lie below the root directory, as a kubelet has them, so that it can take over and back. */
export interface VolumePaths {
  readonly root: string;
  readonly pods: string;
  pod(uid: string): string;
  /** Of a volume with files. */
  volume(uid: string, plugin: PluginName, specName: string): string;
  /** Links to the block devices of the pod. */
  devices(uid: string, plugin: PluginName): string;
  subPath(uid: string, specName: string, container: string, index: number): string;
  /** Holds the file `ready` once the volume was set up completely. */
  marker(uid: string, plugin: PluginName, specName: string): string;
  /** Of things that pods share: `plugins/kubernetes.io/<plugin>`. */
  shared(plugin: PluginName): string;
}

export function volumePaths(root: string): VolumePaths {
  const pods = join(root, 'pods');
  const pod = (uid: string): string => join(pods, uid);
  return {
    root,
    pods,
    pod,
    volume: (uid, plugin, name) => join(pod(uid), 'volumes', `kubernetes.io~${plugin}`, safeName(name)),
    devices: (uid, plugin) => join(pod(uid), 'volumeDevices', `kubernetes.io~${plugin}`),
    subPath: (uid, name, container, index) =>
      join(pod(uid), 'volume-subpaths', safeName(name), safeName(container), String(index)),
    marker: (uid, plugin, name) => join(pod(uid), 'plugins', `kubernetes.io~${plugin}`, safeName(name)),
    shared: (plugin) => join(root, 'plugins', 'kubernetes.io', plugin),
  };
}

/** A name of the API as one element of a path. @throws EDGED_VOLUME_PATH for one that would leave its directory */
export function safeName(name: string): string {
  if (/^[A-Za-z0-9_][\w.-]*$/.test(name) && name.length <= 253) return name;
  throw volumePathProblem(name, name, 'cannot be the name of a directory');
}
