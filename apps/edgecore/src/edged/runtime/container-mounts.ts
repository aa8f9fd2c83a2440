import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Container, Pod } from '@kubeedge-ts/apis';
import { type Init, type Mount, MountPropagation } from '@kubeedge-ts/cri';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { Mounts } from '../host.ts';
import { bindSubPath } from '../volumes/sub-path.ts';
import type { PreparedVolume } from '../volumes/volumes.ts';
import { DEFAULT_TERMINATION_LOG } from './container-config.ts';
import { expand } from './expand.ts';

export interface MountContext {
  /** `<root>/pods/<uid>` */
  readonly podDir: string;
  readonly volumes: ReadonlyMap<string, PreparedVolume>;
  readonly environment: ReadonlyMap<string, string>;
  /** Content of `/etc/hosts`; undefined while the pod has no address. */
  readonly hosts: string | undefined;
  /** Eight hex digits. */
  readonly terminationId: string;
  readonly mounts: Mounts;
}

const PROPAGATION: Record<string, number> = {
  HostToContainer: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  Bidirectional: MountPropagation.PROPAGATION_BIDIRECTIONAL,
};

/** Everything mounted into a container, with the files behind it made (spec/edged.md §3.4, §5). */
export async function containerMounts(container: Container, context: MountContext): Promise<Init<Mount>[]> {
  const mounts: Init<Mount>[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = context.volumes.get(mount.name);
    if (volume === undefined) throw problem(`volume ${mount.name} is not in the pod`);
    mounts.push({
      containerPath: absolute(mount.mountPath),
      hostPath: await hostPathOf(container, mount, index, volume, context),
      readonly: mount.readOnly === true || volume.readOnly,
      propagation: PROPAGATION[mount.mountPropagation ?? ''] ?? MountPropagation.PROPAGATION_PRIVATE,
    });
  }
  const taken = new Set(mounts.map(({ containerPath }) => containerPath));
  if (context.hosts !== undefined && !taken.has('/etc/hosts')) {
    const file = join(context.podDir, 'etc-hosts');
    await writePrivate(file, context.hosts, 0o644);
    mounts.push({ containerPath: '/etc/hosts', hostPath: file });
  }
  const terminationPath = container.terminationMessagePath ?? DEFAULT_TERMINATION_LOG;
  if (terminationPath !== '' && !taken.has(terminationPath)) {
    const file = join(context.podDir, 'containers', container.name, context.terminationId);
    await writePrivate(file, '', 0o666);
    mounts.push({ containerPath: absolute(terminationPath), hostPath: file });
  }
  return mounts;
}

type VolumeMount = NonNullable<Container['volumeMounts']>[number];

async function hostPathOf(
  container: Container,
  mount: VolumeMount,
  index: number,
  volume: PreparedVolume,
  context: MountContext,
): Promise<string> {
  const subPath =
    mount.subPathExpr === undefined ? mount.subPath : expandAll(mount.subPathExpr, context.environment);
  if (subPath === undefined || subPath === '') return volume.hostPath;
  const target = join(context.podDir, 'volume-subpaths', mount.name, container.name, String(index));
  return bindSubPath({ volume: mount.name, root: volume.hostPath, subPath, target }, context.mounts);
}

/** A path must not depend on a variable that is not there. */
function expandAll(text: string, environment: ReadonlyMap<string, string>): string {
  const missing: string[] = [];
  const path = expand(text, (name) => {
    const value = environment.get(name);
    if (value === undefined) missing.push(name);
    return value;
  });
  if (missing.length > 0) throw problem(`missing value for ${missing.join(', ')} in subPathExpr ${text}`);
  return path;
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

async function writePrivate(file: string, content: string, mode: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o750 });
  await writeFile(file, content);
  await chmod(file, mode);
}

/** `<root>/pods/<uid>` */
export function podDirectory(rootDir: string, pod: Pick<Pod, 'metadata'>): string {
  return join(rootDir, 'pods', pod.metadata.uid ?? '');
}

function problem(text: string) {
  return edgedErrors.create('EDGED_CONTAINER_CONFIG', {
    reason: 'CreateContainerConfigError',
    problem: text,
  });
}
