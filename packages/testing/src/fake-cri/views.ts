import {
  type Container,
  type ContainerEventResponse,
  type ContainerStatus,
  type Image,
  type Init,
  type PodSandbox,
  PodSandboxState,
  type PodSandboxStatus,
} from '@kubeedge-ts/cri';
import type { FakeContainer, FakeRuntime, FakeSandbox } from './fake-runtime.ts';

/** Finds an image by any of its names. */
export type FindImage = (reference: string) => Image | undefined;

export function sandboxItem(sandbox: FakeSandbox): Init<PodSandbox> {
  const { id, config, createdAt, ready, runtimeHandler } = sandbox;
  const { metadata, labels, annotations } = config;
  const state = ready ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;
  return { id, ...(metadata ? { metadata } : {}), state, createdAt, labels, annotations, runtimeHandler };
}

export function sandboxStatus(sandbox: FakeSandbox): Init<PodSandboxStatus> {
  const options = sandbox.config.linux?.securityContext?.namespaceOptions;
  return {
    ...sandboxItem(sandbox),
    network: { ip: sandbox.ready ? sandbox.ip : '', additionalIps: [] },
    linux: { namespaces: options === undefined ? {} : { options } },
  };
}

export function containerItem(container: FakeContainer, find: FindImage): Init<Container> {
  const { id, sandboxId, config, state, createdAt } = container;
  const { metadata, image, labels, annotations } = config;
  const found = find(image?.image ?? '');
  return {
    id,
    podSandboxId: sandboxId,
    ...(metadata ? { metadata } : {}),
    ...(image ? { image } : {}),
    imageRef: found?.id ?? image?.image ?? '',
    imageId: found?.id ?? '',
    state,
    createdAt,
    labels,
    annotations,
  };
}

/** `image` is a tag, `imageRef` a digest where there is one, `imageId` the id. */
export function containerStatus(container: FakeContainer, find: FindImage): Init<ContainerStatus> {
  const { config } = container;
  const asked = config.image?.image ?? '';
  const found = find(asked);
  return {
    id: container.id,
    ...(config.metadata ? { metadata: config.metadata } : {}),
    state: container.state,
    createdAt: container.createdAt,
    startedAt: container.startedAt,
    finishedAt: container.finishedAt,
    exitCode: container.exitCode,
    image: {
      image: found?.repoTags[0] ?? asked,
      annotations: {},
      userSpecifiedImage: '',
      runtimeHandler: '',
    },
    imageRef: found?.repoDigests[0] ?? found?.id ?? asked,
    imageId: found?.id ?? '',
    reason: container.reason,
    message: container.message,
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: container.logPath ?? '',
    resources: { linux: container.resources },
    user: { linux: { uid: container.uid, gid: 0, supplementalGroups: [] } },
  };
}

export function containerEvent(
  runtime: FakeRuntime,
  find: FindImage,
  type: number,
  id: string,
  sandboxId: string,
): Init<ContainerEventResponse> {
  const sandbox = runtime.sandboxes.get(sandboxId);
  return {
    containerId: id,
    containerEventType: type,
    createdAt: runtime.now(),
    ...(sandbox ? { podSandboxStatus: sandboxStatus(sandbox) } : {}),
    containersStatuses: runtime.containersOf(sandboxId).map((container) => containerStatus(container, find)),
  };
}

export function matches(
  labels: Record<string, string>,
  selector: Record<string, string> | undefined,
): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}
