import { basename } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import type { Figures, FileSystem, KernelFiles, PodFigures, Storage } from '../../stats/index.ts';
import type { Subject, SubjectFileSystem } from './cadvisor-metrics.ts';

export interface SubjectInputs {
  readonly figures: Figures;
  readonly storage: Storage;
  readonly pods: readonly Pod[];
  readonly sandboxImage: string;
  /** Device of the file system a path lies on. */
  readonly nodeDevice: string;
}

/** Every metric of a family has the same labels; what does not apply is empty. */
const NO_LABELS = { container: '', id: '', image: '', name: '', namespace: '', pod: '' };

function subject(labels: Partial<typeof NO_LABELS>, figures: Partial<Omit<Subject, 'labels'>>): Subject {
  return {
    labels: { ...NO_LABELS, ...labels },
    usage: undefined,
    startedAt: undefined,
    processes: undefined,
    network: undefined,
    fileSystem: undefined,
    ...figures,
  };
}

/** The cgroups that cAdvisor shows: the machine, all pods, each pod, its sandbox and its containers. */
export function subjectsOf(inputs: SubjectInputs): Subject[] {
  const { figures, storage, pods, nodeDevice } = inputs;
  const { usage, bootAt, network, systemContainers } = figures.node;
  const images = imageNames(pods);
  return [
    subject(
      { id: '/' },
      { usage, startedAt: bootAt, network, fileSystem: fileSystem(nodeDevice, storage.nodeFs) },
    ),
    ...[...systemContainers.values()].map((one) => subject({ id: one.path }, { usage: one.usage })),
    ...figures.pods.flatMap((pod) => podSubjects(pod, inputs, images)),
  ];
}

function podSubjects(
  {
    pod: { uid, name: pod, namespace },
    createdAt,
    cgroup,
    sandbox,
    sandboxId,
    network,
    containers,
  }: PodFigures,
  { storage, sandboxImage, nodeDevice }: SubjectInputs,
  images: ReadonlyMap<string, string>,
): Subject[] {
  const whole =
    cgroup === undefined
      ? []
      : [subject({ id: cgroup.path, namespace, pod }, { usage: cgroup.usage, startedAt: createdAt })];
  // the network belongs to the sandbox, whether or not it has a process of its own
  const pause = subject(
    { id: sandbox?.path ?? `/${sandboxId}`, image: sandboxImage, name: sandboxId, namespace, pod },
    { usage: sandbox?.usage, startedAt: createdAt, network },
  );
  return [
    ...whole,
    pause,
    ...containers.map(({ id, name: container, path, usage, processes, image, createdAt: startedAt }) => {
      const rootfs = storage.pods.get(uid)?.containers.get(container)?.rootfs;
      const fs = rootfs === undefined ? undefined : fileSystem(nodeDevice, storage.imageFs, rootfs.bytes);
      return subject(
        {
          container,
          id: path ?? `/${id}`,
          image: images.get(`${uid}/${container}`) ?? image,
          name: id,
          namespace,
          pod,
        },
        { usage, startedAt, processes, fileSystem: fs },
      );
    }),
  ];
}

/** The runtime lists images by their id; the statuses know their names. */
function imageNames(pods: readonly Pod[]): ReadonlyMap<string, string> {
  return new Map(
    pods.flatMap(({ metadata, status }) => {
      const {
        containerStatuses = [],
        initContainerStatuses = [],
        ephemeralContainerStatuses = [],
      } = status ?? {};
      return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].map(
        ({ name, image }) => [`${metadata.uid}/${name}`, image] as const,
      );
    }),
  );
}

function fileSystem(
  device: string,
  fs: FileSystem | undefined,
  usedBytes?: number,
): SubjectFileSystem | undefined {
  if (fs === undefined) return undefined;
  const { capacityBytes, freeBytes, inodes, inodesFree } = fs;
  return { device, usedBytes: usedBytes ?? capacityBytes - freeBytes, capacityBytes, inodes, inodesFree };
}

/** `8:0` → `/dev/sda`, as the kernel's device tree has it. */
export function deviceName(kernel: KernelFiles, device: string): string {
  const link = kernel.link(`/sys/dev/block/${device}`);
  return link === undefined ? device : `/dev/${basename(link)}`;
}

/** What is mounted where the path lies, from `/proc/self/mountinfo`. */
export function mountedDevice(mountinfo: string, path: string): string {
  let best = '';
  let device = '';
  for (const line of mountinfo.split('\n')) {
    const point = line.split(' ')[4] ?? '';
    const source = line.split(' - ')[1]?.split(' ')[1];
    const covers = point === '/' || path === point || path.startsWith(`${point}/`);
    if (source === undefined || !covers || point.length < best.length) continue;
    best = point;
    device = source;
  }
  return device;
}
