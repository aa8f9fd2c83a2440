import { KUBERNETES_VERSION } from '@kubeedge-ts/runtime';

/** How the kubelet names itself to the servers of containers: `kube-probe/1.32`. */
export function userAgentFor(purpose: 'probe' | 'lifecycle'): string {
  return `kube-${purpose}/${KUBERNETES_VERSION.replace(/^v(\d+\.\d+).*$/, '$1')}`;
}
