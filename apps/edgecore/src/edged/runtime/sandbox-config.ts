import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import type { Init, PodSandboxConfig, PortMapping } from '@kubeedge-ts/cri';
import { edgedErrors } from '@kubeedge-ts/errors';
import { mainContainersOf } from '../pod/spec.ts';
import { type DnsContext, dnsConfigOf } from './dns.ts';
import { hostnameOf, podDomainOf } from './hosts-file.ts';
import { identityOf, podLabels } from './labels.ts';
import { sandboxSecurity } from './security-context.ts';

export interface SandboxContext extends DnsContext {
  readonly podLogsDir: string;
  readonly cgroupParent: string;
}

const PROTOCOLS: Record<string, number> = { TCP: 0, UDP: 1, SCTP: 2 };
const MAX_FQDN = 64;

/** `<pod logs>/<namespace>_<name>_<uid>` */
export function podLogDirectory(podLogsDir: string, pod: Pod): string {
  const { namespace, name, uid } = identityOf(pod);
  return join(podLogsDir, `${namespace}_${name}_${uid}`);
}

/** spec/edged.md §3.3. @throws KubeEdgeError EDGED_POD_CONFIG */
export function sandboxConfigOf(pod: Pod, attempt: number, context: SandboxContext): Init<PodSandboxConfig> {
  const identity = identityOf(pod);
  const { spec, metadata } = pod;
  return {
    metadata: { ...identity, attempt },
    hostname: sandboxHostname(pod, context.clusterDomain),
    logDirectory: podLogDirectory(context.podLogsDir, pod),
    dnsConfig: dnsConfigOf(pod, context),
    portMappings: spec?.hostNetwork === true ? [] : portMappingsOf(pod),
    labels: { ...metadata.labels, ...podLabels(identity) },
    annotations: { ...metadata.annotations },
    linux: {
      cgroupParent: context.cgroupParent,
      securityContext: sandboxSecurity(pod),
      sysctls: Object.fromEntries(
        (spec?.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value]),
      ),
    },
  };
}

function sandboxHostname(pod: Pod, clusterDomain: string): string {
  if (pod.spec?.hostNetwork === true) return '';
  const host = hostnameOf(pod);
  const domain = podDomainOf(pod, clusterDomain);
  if (pod.spec?.setHostnameAsFQDN !== true || domain === '') return host;
  const fqdn = `${host}.${domain}`;
  if (fqdn.length > MAX_FQDN) {
    throw edgedErrors.create('EDGED_POD_CONFIG', {
      pod: pod.metadata.name,
      reason: 'FailedCreatePodSandBox',
      problem: `host name ${fqdn} is longer than ${MAX_FQDN} characters`,
    });
  }
  return fqdn;
}

function portMappingsOf(pod: Pod): Init<PortMapping>[] {
  return mainContainersOf(pod).flatMap(({ ports }) =>
    (ports ?? []).map(({ protocol = 'TCP', containerPort, hostPort, hostIP }) => ({
      protocol: PROTOCOLS[protocol] ?? 0,
      containerPort,
      hostPort: hostPort ?? 0,
      hostIp: hostIP ?? '',
    })),
  );
}
