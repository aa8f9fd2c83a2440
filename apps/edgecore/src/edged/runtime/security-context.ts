import { join } from 'node:path';
import type { Container, Pod } from '@kubeedge-ts/apis';
import {
  type Image,
  type Init,
  type LinuxContainerSecurityContext,
  type LinuxSandboxSecurityContext,
  NamespaceMode,
  type NamespaceOption,
  type SecurityProfile,
  SecurityProfileProfileType,
  SupplementalGroupsPolicy,
} from '@kubeedge-ts/cri';
import { edgedErrors } from '@kubeedge-ts/errors';
import { allContainersOf } from '../pod/spec.ts';

export interface SecurityDefaults {
  readonly rootDir: string;
  readonly seccompDefault: boolean;
  /** `/sys/devices/system/cpu/cpu<N>/thermal_throttle` of this machine. */
  readonly thermalPaths: readonly string[];
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
type Seccomp = NonNullable<PodSecurity['seccompProfile']>;

/** spec/edged.md §3.3 */
export function sandboxSecurity(pod: Pod): Init<LinuxSandboxSecurityContext> {
  const security = podSecurity(pod);
  return {
    namespaceOptions: namespacesOf(pod),
    privileged: allContainersOf(pod).some((container) => container.securityContext?.privileged === true),
    seccomp: { profileType: SecurityProfileProfileType.RuntimeDefault },
    runAsUser: int64(security.runAsUser),
    runAsGroup: int64(security.runAsGroup),
    supplementalGroups: groupsOf(security),
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
): Init<LinuxContainerSecurityContext> {
  const outer = podSecurity(pod);
  const own: ContainerSecurity = container.securityContext ?? {};
  const runAsUser = own.runAsUser ?? outer.runAsUser ?? image?.uid?.value;
  const username = runAsUser === undefined ? (image?.username ?? '') : '';
  checkNonRoot(own.runAsNonRoot ?? outer.runAsNonRoot ?? false, runAsUser, username, container.name);
  const unmasked = own.procMount === 'Unmasked';
  return {
    capabilities: {
      addCapabilities: own.capabilities?.add ?? [],
      dropCapabilities: own.capabilities?.drop ?? [],
    },
    privileged: own.privileged === true,
    namespaceOptions: namespacesOf(pod),
    selinuxOptions: own.seLinuxOptions ?? outer.seLinuxOptions,
    runAsUser: int64(runAsUser),
    runAsUsername: username,
    runAsGroup: int64(own.runAsGroup ?? outer.runAsGroup),
    readonlyRootfs: own.readOnlyRootFilesystem === true,
    supplementalGroups: groupsOf(outer),
    supplementalGroupsPolicy: groupsPolicyOf(outer),
    noNewPrivs: own.allowPrivilegeEscalation === false,
    maskedPaths: unmasked ? [] : [...MASKED, ...defaults.thermalPaths],
    readonlyPaths: unmasked ? [] : READONLY,
    seccomp: seccompOf(own.seccompProfile ?? outer.seccompProfile, defaults),
    ...apparmorOf(own.appArmorProfile ?? outer.appArmorProfile),
  };
}

function podSecurity(pod: Pod): PodSecurity {
  return pod.spec?.securityContext ?? {};
}

function namespacesOf({ spec }: Pod): Init<NamespaceOption> {
  const pid = spec?.shareProcessNamespace === true ? NamespaceMode.POD : NamespaceMode.CONTAINER;
  return {
    network: spec?.hostNetwork === true ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: spec?.hostPID === true ? NamespaceMode.NODE : pid,
    ipc: spec?.hostIPC === true ? NamespaceMode.NODE : NamespaceMode.POD,
  };
}

function checkNonRoot(nonRoot: boolean, uid: number | undefined, username: string, container: string): void {
  if (!nonRoot) return;
  if (uid === 0 || (uid === undefined && username === '')) {
    throw problem(`container ${container}: container's runAsUser breaks non-root policy`);
  }
  if (uid === undefined) {
    throw problem(
      `container ${container}: container has runAsNonRoot and image has non-numeric user (${username}), cannot verify user is non-root`,
    );
  }
}

function groupsOf(security: PodSecurity): number[] {
  const { fsGroup, supplementalGroups = [] } = security;
  return fsGroup === undefined ? supplementalGroups : [fsGroup, ...supplementalGroups];
}

function groupsPolicyOf(security: PodSecurity): number {
  const policy = (security as { supplementalGroupsPolicy?: string }).supplementalGroupsPolicy;
  return policy === 'Strict' ? SupplementalGroupsPolicy.Strict : SupplementalGroupsPolicy.Merge;
}

function seccompOf(profile: Seccomp | undefined, defaults: SecurityDefaults): Init<SecurityProfile> {
  const type = profile?.type ?? (defaults.seccompDefault ? 'RuntimeDefault' : 'Unconfined');
  if (type === 'Localhost') {
    const localhostRef = join(defaults.rootDir, 'seccomp', profile?.localhostProfile ?? '');
    return { profileType: SecurityProfileProfileType.Localhost, localhostRef };
  }
  if (type === 'RuntimeDefault') return { profileType: SecurityProfileProfileType.RuntimeDefault };
  return { profileType: SecurityProfileProfileType.Unconfined };
}

function apparmorOf(profile: PodSecurity['appArmorProfile']): Init<LinuxContainerSecurityContext> {
  switch (profile?.type) {
    case 'RuntimeDefault':
      return {
        apparmor: { profileType: SecurityProfileProfileType.RuntimeDefault },
        apparmorProfile: 'runtime/default',
      };
    case 'Unconfined':
      return {
        apparmor: { profileType: SecurityProfileProfileType.Unconfined },
        apparmorProfile: 'unconfined',
      };
    case 'Localhost': {
      const localhostRef = profile.localhostProfile ?? '';
      return {
        apparmor: { profileType: SecurityProfileProfileType.Localhost, localhostRef },
        apparmorProfile: `localhost/${localhostRef}`,
      };
    }
    default:
      return {};
  }
}

function int64(value: number | undefined): { value: number } | undefined {
  return value === undefined ? undefined : { value };
}

function problem(text: string) {
  return edgedErrors.create('EDGED_CONTAINER_CONFIG', {
    reason: 'CreateContainerConfigError',
    problem: text,
  });
}
