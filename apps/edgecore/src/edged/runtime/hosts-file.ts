import type { Pod } from '@kubeedge-ts/apis';
import { podNameOf } from './pod-name.ts';

const LOCAL = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

export interface HostsContext {
  readonly podIPs: readonly string[];
  readonly clusterDomain: string;
  /** Content of the host's own file, for pods on the host network. */
  readonly hostFile: string;
}

/** `/etc/hosts` of the pod's containers (spec/edged.md §5). @throws EDGED_POD_CONFIG */
export function hostsFileOf(pod: Pod, { podIPs, clusterDomain, hostFile }: HostsContext): string {
  let text: string;
  if (pod.spec?.hostNetwork === true) {
    text = `# Kubernetes-managed hosts file (host network).\n${hostFile}`;
  } else {
    const { host, domain } = podNameOf(pod, clusterDomain);
    const names = domain === '' ? host : `${host}.${domain}\t${host}`;
    text = `# Kubernetes-managed hosts file.\n${LOCAL}${podIPs.map((ip) => `${ip}\t${names}\n`).join('')}`;
  }
  const aliases = pod.spec?.hostAliases ?? [];
  if (aliases.length === 0) return text;
  const lines = aliases.map(({ ip, hostnames }) => `${[ip, ...(hostnames ?? [])].join('\t')}\n`);
  return `${text}\n# Entries added by HostAliases.\n${lines.join('')}`;
}
