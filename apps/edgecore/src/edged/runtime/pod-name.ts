import type { Pod } from '@kubeedge-ts/apis';
import { edgedErrors } from '@kubeedge-ts/errors';

export interface PodName {
  readonly host: string;
  /** `<subdomain>.<namespace>.svc.<cluster domain>`; empty without a subdomain. */
  readonly domain: string;
}

const MAX_HOST = 63;
/** What the kernel keeps of a node name. */
const MAX_FQDN = 64;
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** How the pod calls itself (spec/edged.md §5). @throws EDGED_POD_CONFIG for names that are none */
export function podNameOf(pod: Pod, clusterDomain: string): PodName {
  const { hostname = '', subdomain = '' } = pod.spec ?? {};
  // Newer than the type of the pod.
  const { hostnameOverride } = (pod.spec ?? {}) as { hostnameOverride?: string };
  if (hostnameOverride !== undefined) {
    if (!SUBDOMAIN.test(hostnameOverride))
      throw problem(pod, `pod HostnameOverride "${hostnameOverride}" is not a valid DNS subdomain`);
    return { host: shortened(hostnameOverride), domain: '' };
  }
  if (hostname !== '' && !LABEL.test(hostname))
    throw problem(pod, `pod Hostname "${hostname}" is not a valid DNS label`);
  if (subdomain !== '' && !LABEL.test(subdomain))
    throw problem(pod, `pod Subdomain "${subdomain}" is not a valid DNS label`);
  return {
    host: shortened(hostname || pod.metadata.name),
    domain: subdomain === '' ? '' : `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`,
  };
}

/** The kernel's host name of the pod; empty on the host network. @throws EDGED_POD_CONFIG when it is too long */
export function kernelNameOf(pod: Pod, clusterDomain: string): string {
  if (pod.spec?.hostNetwork === true) return '';
  const { host, domain } = podNameOf(pod, clusterDomain);
  if (pod.spec?.setHostnameAsFQDN !== true || domain === '') return host;
  const fqdn = `${host}.${domain}`;
  if (fqdn.length > MAX_FQDN) {
    const text = `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${MAX_FQDN} characters is the max, ${fqdn.length} characters requested)`;
    throw problem(pod, text);
  }
  return fqdn;
}

function shortened(name: string): string {
  return name.length <= MAX_HOST ? name : name.slice(0, MAX_HOST).replace(/[-.]+$/, '');
}

function problem(pod: Pod, text: string) {
  const details = { pod: pod.metadata.name, reason: 'FailedCreatePodSandBox', problem: text };
  return edgedErrors.create('EDGED_POD_CONFIG', details);
}
