/** What upstream v1.23 reports; control planes and tools read the Kubernetes version from it. */
export const KUBELET_VERSION = 'v1.32.10-kubeedge-v1.23.1';
/** As upstream's build leaves it, kept for tools that compare nodes field for field. */
export const KUBE_PROXY_VERSION = 'v0.0.0-master+$Format:%H$';
