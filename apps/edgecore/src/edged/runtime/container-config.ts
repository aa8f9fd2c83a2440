import { join } from 'node:path';
import type { Container, Pod } from '@kubeedge-ts/apis';
import type {
  ContainerConfig,
  Device,
  Image,
  Init,
  LinuxContainerResources,
  Mount,
  UserNamespace,
} from '@kubeedge-ts/cri';
import { containerHash } from './container-hash.ts';
import { expand } from './expand.ts';
import { ANNOTATION, identityOf, LABEL, podLabels } from './labels.ts';
import { containerSecurity, type SecurityDefaults, type SecurityParts } from './security-context.ts';

export interface ContainerParts {
  readonly attempt: number;
  /** As ImageStatus answered. */
  readonly image: Image;
  readonly environment: ReadonlyMap<string, string>;
  readonly mounts: readonly Init<Mount>[];
  readonly devices: readonly Init<Device>[];
  readonly resources: Init<LinuxContainerResources>;
  readonly security: SecurityDefaults;
  readonly isolation: SecurityParts;
}

export const DEFAULT_TERMINATION_LOG = '/dev/termination-log';

/** spec/edged.md §3.4. @throws KubeEdgeError EDGED_CONTAINER_CONFIG */
export function containerConfigOf(
  pod: Pod,
  container: Container,
  parts: ContainerParts,
): Init<ContainerConfig> {
  const { environment, attempt } = parts;
  const lookup = (name: string): string | undefined => environment.get(name);
  return {
    metadata: { name: container.name, attempt },
    image: {
      image: parts.image.id,
      annotations: { ...pod.metadata.annotations },
      userSpecifiedImage: container.image ?? '',
    },
    command: (container.command ?? []).map((word) => expand(word, lookup)),
    args: (container.args ?? []).map((word) => expand(word, lookup)),
    workingDir: container.workingDir ?? '',
    envs: [...environment].map(([key, value]) => ({ key, value })),
    mounts: mountsWithin(parts.mounts, parts.isolation.users),
    devices: parts.devices,
    labels: { ...podLabels(identityOf(pod)), [LABEL.containerName]: container.name },
    annotations: annotationsOf(pod, container, attempt),
    logPath: join(container.name, `${attempt}.log`),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: parts.resources,
      securityContext: containerSecurity(pod, container, parts.image, parts.security, parts.isolation),
    },
  };
}

/** In a user namespace of its own a pod sees the owners of files as they are on the host. */
function mountsWithin(
  mounts: readonly Init<Mount>[],
  users: Init<UserNamespace> | undefined,
): readonly Init<Mount>[] {
  if (users === undefined) return mounts;
  const { uids, gids } = users;
  return mounts.map((mount) => ({ ...mount, uidMappings: uids, gidMappings: gids }));
}

function annotationsOf(pod: Pod, container: Container, attempt: number): Record<string, string> {
  const grace = pod.spec?.terminationGracePeriodSeconds;
  const deletionGrace = pod.metadata.deletionGracePeriodSeconds;
  const preStop = container.lifecycle?.preStop;
  const { ports = [] } = container;
  return {
    [ANNOTATION.hash]: containerHash(container.name, container.image ?? ''),
    [ANNOTATION.restartCount]: String(attempt),
    [ANNOTATION.terminationMessagePath]: container.terminationMessagePath ?? DEFAULT_TERMINATION_LOG,
    [ANNOTATION.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
    [ANNOTATION.specImage]: container.image ?? '',
    ...(grace === undefined ? {} : { [ANNOTATION.terminationGracePeriod]: String(grace) }),
    ...(deletionGrace === undefined ? {} : { [ANNOTATION.deletionGracePeriod]: String(deletionGrace) }),
    ...(preStop === undefined ? {} : { [ANNOTATION.preStopHandler]: JSON.stringify(preStop) }),
    ...(ports.length === 0 ? {} : { [ANNOTATION.ports]: JSON.stringify(ports) }),
  };
}
