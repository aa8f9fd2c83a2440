import type { Pod } from '@kubeedge-ts/apis';

/** Kernel namespaces that have sysctls of their own. */
type Namespace = 'IPC' | 'Net';

/** Kubernetes' safe set: namespaced, and harmless to the neighbours. Version: the kernel that made it so. */
const SAFE: readonly (readonly [name: string, kernel?: string])[] = [
  ['kernel.shm_rmid_forced'],
  ['net.ipv4.ip_local_port_range'],
  ['net.ipv4.tcp_syncookies'],
  ['net.ipv4.ping_group_range'],
  ['net.ipv4.ip_unprivileged_port_start'],
  ['net.ipv4.ip_local_reserved_ports', '3.16'],
  ['net.ipv4.tcp_keepalive_time', '4.5'],
  ['net.ipv4.tcp_fin_timeout', '4.6'],
  ['net.ipv4.tcp_keepalive_intvl', '4.5'],
  ['net.ipv4.tcp_keepalive_probes', '4.5'],
  ['net.ipv4.tcp_rmem', '4.15'],
  ['net.ipv4.tcp_wmem', '4.15'],
];
const IPC_NAMES = new Set([
  'kernel.sem',
  'kernel.shm',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
  'kernel.msg',
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
]);
const PATTERN = /^([a-z0-9][-_a-z0-9]*[./])*[a-z0-9][-_a-z0-9]*([./]?\*)?$/;
const MAX_PATTERN = 253;

/** What pods may set. */
export interface SysctlAllowlist {
  readonly names: ReadonlyMap<string, Namespace>;
  readonly prefixes: ReadonlyMap<string, Namespace>;
  /** Patterns of the configuration that allow nothing: not well formed, or not a namespace's own. */
  readonly unusable: readonly string[];
}

/** The safe set of this kernel, and the configuration's patterns; a trailing `*` stands for any rest. */
export function sysctlAllowlist(patterns: readonly string[], kernelVersion: string): SysctlAllowlist {
  const names = new Map<string, Namespace>();
  const prefixes = new Map<string, Namespace>();
  const unusable: string[] = [];
  for (const [name, since] of SAFE) {
    const namespace = namespaceOf(name);
    if (namespace !== undefined && (since === undefined || atLeast(kernelVersion, since)))
      names.set(name, namespace);
  }
  for (const pattern of patterns) {
    const [name = ''] = dotted(pattern).split('*');
    const namespace = namespaceOf(name);
    if (namespace === undefined || pattern.length > MAX_PATTERN || !PATTERN.test(pattern))
      unusable.push(pattern);
    else (pattern.includes('*') ? prefixes : names).set(name, namespace);
  }
  return { names, prefixes, unusable };
}

/** Why the pod's sysctls may not be set here, in the kubelet's words; undefined when they may. */
export function sysctlProblem({ spec }: Pod, { names, prefixes }: SysctlAllowlist): string | undefined {
  for (const { name } of spec?.securityContext?.sysctls ?? []) {
    const wanted = dotted(name);
    const prefix = [...prefixes].find(([start]) => wanted.startsWith(start));
    const namespace = names.get(wanted) ?? prefix?.[1];
    if (namespace === undefined) return `forbidden sysctl: "${wanted}" not allowlisted`;
    const shared = namespace === 'IPC' ? spec?.hostIPC === true : spec?.hostNetwork === true;
    if (shared) return `forbidden sysctl: "${wanted}" not allowed with host ${namespace} enabled`;
  }
  return undefined;
}

/** The pod's sysctls for its sandbox. */
export function sysctlsOf(pod: Pod): Record<string, string> {
  const sysctls = pod.spec?.securityContext?.sysctls ?? [];
  return Object.fromEntries(sysctls.map(({ name, value }) => [dotted(name), value]));
}

/** `net/ipv4/conf/eno2.100/rp_filter` → `net.ipv4.conf.eno2/100.rp_filter`; the form with dots stays. */
export function dotted(name: string): string {
  if (/[./]/.exec(name)?.[0] !== '/') return name;
  return name.replace(/[./]/g, (separator) => (separator === '/' ? '.' : '/'));
}

function namespaceOf(name: string): Namespace | undefined {
  if (IPC_NAMES.has(name) || name.startsWith('fs.mqueue.')) return 'IPC';
  return name.startsWith('net.') ? 'Net' : undefined;
}

function atLeast(version: string, wanted: string): boolean {
  const numbers = (text: string): number[] => (text.match(/\d+/g) ?? []).slice(0, 2).map(Number);
  const [major = 0, minor = 0] = numbers(version);
  const [wantedMajor = 0, wantedMinor = 0] = numbers(wanted);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
