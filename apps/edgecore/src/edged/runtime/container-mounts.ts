import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Container, Pod } from '@kubeedge-ts/apis';
import { type Device, type Init, type Mount, MountPropagation } from '@kubeedge-ts/cri';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { Mounts } from '../host.ts';
import { safeName } from '../volumes/paths.ts';
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
  /** Images of image volumes as the runtime knows them, by the volume's name. */
  readonly images?: ReadonlyMap<string, string>;
  /** The runtime can make what is mounted below a read-only mount read-only too. Default false. */
  readonly recursiveReadOnly?: boolean;
}

const PROPAGATION: Record<string, number> = {
  None: MountPropagation.PROPAGATION_PRIVATE,
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
      ...(await whatIsMounted(container, mount, index, volume, context)),
      containerPath: absolute(mount.mountPath),
      readonly: mount.readOnly === true || volume.readOnly,
      recursiveReadOnly: recursively(mount, context.recursiveReadOnly === true),
      propagation: propagationOf(mount),
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

async function whatIsMounted(
  container: Container,
  mount: VolumeMount,
  index: number,
  { source, specName }: PreparedVolume,
  context: MountContext,
): Promise<Pick<Init<Mount>, 'hostPath' | 'image'>> {
  if (source.kind === 'device') throw problem(`volume ${mount.name} is a block device and cannot be mounted`);
  const subPath =
    mount.subPathExpr === undefined ? mount.subPath : expandAll(mount.subPathExpr, context.environment);
  const whole = subPath === undefined || subPath === '';
  if (source.kind === 'image') {
    if (!whole) throw problem(`volume ${mount.name} is an image: it has no subPath`);
    return { image: { image: context.images?.get(mount.name) ?? source.reference } };
  }
  if (whole) return { hostPath: source.path };
  const target = join(
    context.podDir,
    'volume-subpaths',
    safeName(specName),
    safeName(container.name),
    `${index}`,
  );
  const request = { volume: mount.name, root: source.path, subPath, target };
  return { hostPath: await bindSubPath(request, context.mounts) };
}

/** The devices of block volumes (spec/edged.md §3.4). */
export function blockDevicesOf(
  container: Container,
  volumes: ReadonlyMap<string, PreparedVolume>,
): Init<Device>[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.get(name);
    if (volume === undefined) throw problem(`volume ${name} is not in the pod`);
    if (volume.source.kind !== 'device') throw problem(`volume ${name} is not a block device`);
    const permissions = volume.readOnly ? 'r' : 'mrw';
    return { hostPath: volume.source.path, containerPath: absolute(devicePath), permissions };
  });
}

function propagationOf({ mountPropagation = 'None' }: VolumeMount): number {
  const propagation = PROPAGATION[mountPropagation];
  if (propagation === undefined) throw problem(`invalid MountPropagation mode: "${mountPropagation}"`);
  return propagation;
}

function recursively(mount: VolumeMount, supported: boolean): boolean {
  const { name, recursiveReadOnly: wanted = 'Disabled', mountPropagation = 'None' } = mount;
  if (wanted === 'Disabled') return false;
  const asked = `volume "${name}" requested recursive read-only mode, but it is not`;
  if (mount.readOnly !== true) throw problem(`${asked} read-only`);
  if (mountPropagation !== 'None')
    throw problem(`${asked} compatible with propagation "${mountPropagation}"`);
  if (wanted === 'Enabled' && !supported) throw problem(`${asked} supported by the runtime`);
  if (wanted !== 'Enabled' && wanted !== 'IfPossible')
    throw problem(`unknown recursive read-only mode "${wanted}"`);
  return supported;
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
