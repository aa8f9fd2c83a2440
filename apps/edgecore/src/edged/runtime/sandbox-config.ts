import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import type { DNSConfig, Init, PodSandboxConfig, PortMapping } from '@kubeedge-ts/cri';
import { initContainersOf, isSidecar, mainContainersOf } from '../pod/spec.ts';
import { type NodeResources, sandboxResources } from './container-resources.ts';
import { identityOf, podLabels } from './labels.ts';
import { kernelNameOf } from './pod-name.ts';
import { type SecurityParts, sandboxSecurity } from './security-context.ts';
import { sysctlsOf } from './sysctls.ts';

export interface SandboxParts {
  readonly podLogsDir: string;
  readonly cgroupParent: string;
  readonly clusterDomain: string;
  readonly dns: Init<DNSConfig>;
  readonly resources: NodeResources;
  readonly security: SecurityParts;
}

const PROTOCOLS: Record<string, number> = { TCP: 0, UDP: 1, SCTP: 2 };

/** `<pod logs>/<namespace>_<name>_<uid>` */
export function podLogDirectory(podLogsDir: string, pod: Pod): string {
  const { namespace, name, uid } = identityOf(pod);
  return join(podLogsDir, `${namespace}_${name}_${uid}`);
}

/** spec/edged.md §3.3. @throws KubeEdgeError EDGED_POD_CONFIG */
export function sandboxConfigOf(pod: Pod, attempt: number, parts: SandboxParts): Init<PodSandboxConfig> {
  const identity = identityOf(pod);
  const { spec, metadata } = pod;
  return {
    metadata: { ...identity, attempt },
    hostname: kernelNameOf(pod, parts.clusterDomain),
    logDirectory: podLogDirectory(parts.podLogsDir, pod),
    dnsConfig: parts.dns,
    portMappings: spec?.hostNetwork === true ? [] : portMappingsOf(pod),
    labels: { ...metadata.labels, ...podLabels(identity) },
    annotations: { ...metadata.annotations },
    linux: {
      cgroupParent: parts.cgroupParent,
      securityContext: sandboxSecurity(pod, parts.security),
      sysctls: sysctlsOf(pod),
      ...sandboxResources(pod, parts.resources),
    },
  };
}

/** Of everything that runs as long as the pod does; the same mapping twice is one. */
function portMappingsOf(pod: Pod): Init<PortMapping>[] {
  const lasting = [...mainContainersOf(pod), ...initContainersOf(pod).filter(isSidecar)];
  const mappings = new Map<string, Init<PortMapping>>();
  for (const { protocol = 'TCP', containerPort, hostPort = 0, hostIP = '' } of lasting.flatMap(
    ({ ports }) => ports ?? [],
  )) {
    const mapping = { protocol: PROTOCOLS[protocol] ?? 0, containerPort, hostPort, hostIp: hostIP };
    mappings.set(JSON.stringify(mapping), mapping);
  }
  return [...mappings.values()];
}
