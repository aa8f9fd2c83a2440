import type { Container, Pod } from '@kubeedge-ts/apis';
import {
  type Image,
  type Init,
  type LinuxContainerSecurityContext,
  type LinuxSandboxSecurityContext,
  SupplementalGroupsPolicy,
  type UserNamespace,
} from '@kubeedge-ts/cri';
import { everyContainerOf } from '../pod/spec.ts';
import { apparmorOf } from './apparmor.ts';
import { configProblem } from './config-problem.ts';
import { podText } from './labels.ts';
import { containerNamespaces, podNamespaces } from './namespaces.ts';
import { RUNTIME_DEFAULT_SECCOMP, type SeccompDefaults, seccompOf } from './seccomp.ts';

export interface SecurityDefaults extends SeccompDefaults {
  /** `/sys/devices/system/cpu/cpu<N>/thermal_throttle` of this machine. */
  readonly thermalPaths: readonly string[];
}

/** What is decided elsewhere about the security of a pod or container. */
export interface SecurityParts {
  /** The pod's own user namespace. */
  readonly users?: Init<UserNamespace>;
  /** Groups that volumes ask for. */
  readonly volumeGroups?: readonly number[];
  /** Container whose processes this one sees. */
  readonly targetId?: string;
}

const MASKED = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

type PodSecurity = NonNullable<NonNullable<Pod['spec']>['securityContext']>;
type ContainerSecurity = NonNullable<Container['securityContext']>;

/** spec/edged.md §3.3 */
export function sandboxSecurity(pod: Pod, parts: SecurityParts = {}): Init<LinuxSandboxSecurityContext> {
  const security = podSecurity(pod);
  const { fsGroup, supplementalGroups = [], runAsUser } = security;
  return {
    namespaceOptions: podNamespaces(pod, parts.users),
    privileged: everyContainerOf(pod).some((container) => container.securityContext?.privileged === true),
    ...RUNTIME_DEFAULT_SECCOMP,
    runAsUser: int64(runAsUser),
    // containerd refuses a group without a user; the sandbox's own process needs neither.
    runAsGroup: runAsUser === undefined ? undefined : int64(security.runAsGroup),
    supplementalGroups: [
      ...(fsGroup === undefined ? [] : [fsGroup]),
      ...(parts.volumeGroups ?? []),
      ...supplementalGroups,
    ],
    supplementalGroupsPolicy: groupsPolicyOf(security),
    selinuxOptions: security.seLinuxOptions,
  };
}

/** spec/edged.md §3.6. @throws KubeEdgeError EDGED_CONTAINER_CONFIG when runAsNonRoot cannot be kept */
export function containerSecurity(
  pod: Pod,
  container: Container,
  image: Pick<Image, 'uid' | 'username'> | undefined,
  defaults: SecurityDefaults,
  parts: SecurityParts = {},
): Init<LinuxContainerSecurityContext> {
  const outer = podSecurity(pod);
  const own: ContainerSecurity = container.securityContext ?? {};
  const unmasked = own.procMount === 'Unmasked';
  const { fsGroup, supplementalGroups = [] } = outer;
  return {
    capabilities: {
      addCapabilities: own.capabilities?.add ?? [],
      dropCapabilities: own.capabilities?.drop ?? [],
    },
    privileged: own.privileged === true,
    namespaceOptions: containerNamespaces(pod, parts),
    selinuxOptions: own.seLinuxOptions ?? outer.seLinuxOptions,
    ...userOf(pod, container, image),
    runAsGroup: int64(own.runAsGroup ?? outer.runAsGroup),
    readonlyRootfs: own.readOnlyRootFilesystem === true,
    supplementalGroups: [
      ...(fsGroup === undefined ? [] : [fsGroup]),
      ...supplementalGroups,
      ...(parts.volumeGroups ?? []),
    ],
    supplementalGroupsPolicy: groupsPolicyOf(outer),
    noNewPrivs: own.allowPrivilegeEscalation === false,
    maskedPaths: unmasked ? [] : [...MASKED, ...defaults.thermalPaths],
    readonlyPaths: unmasked ? [] : READONLY,
    ...seccompOf(pod, container, defaults),
    ...apparmorOf(pod, container),
  };
}

function podSecurity(pod: Pod): PodSecurity {
  return pod.spec?.securityContext ?? {};
}

/** The user the spec names, else the image's: by number, by name, or root. */
function userOf(
  pod: Pod,
  container: Container,
  image: Pick<Image, 'uid' | 'username'> | undefined,
): Pick<Init<LinuxContainerSecurityContext>, 'runAsUser' | 'runAsUsername'> {
  const outer = podSecurity(pod);
  const own: ContainerSecurity = container.securityContext ?? {};
  const nonRoot = own.runAsNonRoot ?? outer.runAsNonRoot ?? false;
  const where = `(pod: "${podText(pod)}", container: ${container.name})`;
  const wanted = own.runAsUser ?? outer.runAsUser;
  if (wanted !== undefined) {
    if (nonRoot && wanted === 0) throw configProblem(`container's runAsUser breaks non-root policy ${where}`);
    return { runAsUser: int64(wanted), runAsUsername: '' };
  }
  const { uid, username = '' } = image ?? {};
  if (uid === undefined && username !== '') {
    const doubt = `image has non-numeric user (${username}), cannot verify user is non-root`;
    if (nonRoot) throw configProblem(`container has runAsNonRoot and ${doubt} ${where}`);
    return { runAsUsername: username };
  }
  const value = uid?.value ?? 0;
  if (nonRoot && value === 0)
    throw configProblem(`container has runAsNonRoot and image will run as root ${where}`);
  return { runAsUser: int64(value), runAsUsername: '' };
}

/** Newer than the type of the pod. */
export function groupsPolicyOf(security: object): SupplementalGroupsPolicy {
  const { supplementalGroupsPolicy } = security as { supplementalGroupsPolicy?: string };
  return supplementalGroupsPolicy === 'Strict'
    ? SupplementalGroupsPolicy.Strict
    : SupplementalGroupsPolicy.Merge;
}

function int64(value: number | undefined): { value: number } | undefined {
  return value === undefined ? undefined : { value };
}
