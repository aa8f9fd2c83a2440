import type { Pod } from '@kubeedge-ts/apis';

/** Sysctls that belong to a pod's own namespaces and cannot harm its neighbours: Kubernetes' safe set. */
const SAFE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

/**
 * Why the pod must not be started as it is, undefined when it may: an isolation that it asks for and would silently
 * not get, or a setting of the kernel that is not the pod's own.
 */
export function refusalOf({ spec }: Pod, allowedSysctls: readonly string[]): string | undefined {
  if (spec?.runtimeClassName)
    return `runtimeClassName ${spec.runtimeClassName} is not supported by this version`;
  if (spec?.hostUsers === false) return 'hostUsers: false is not supported by this version';
  for (const { name } of spec?.securityContext?.sysctls ?? []) {
    if (!isAllowed(name.replaceAll('/', '.'), allowedSysctls))
      return `sysctl "${name}" is not allowed on this node`;
    const shared =
      (spec?.hostNetwork && name.startsWith('net.')) || (spec?.hostIPC && /^(kernel|fs)\./.test(name));
    if (shared) return `sysctl "${name}" is not the pod's own with host namespaces`;
  }
  return undefined;
}

function isAllowed(name: string, allowed: readonly string[]): boolean {
  if (SAFE_SYSCTLS.has(name)) return true;
  return allowed.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );
}
