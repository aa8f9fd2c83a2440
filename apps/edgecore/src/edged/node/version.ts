/** The Kubernetes this edged was built after. */
const KUBERNETES = [1, 32, 10] as const;
const KUBEEDGE = 'v1.23.1';
/** What upstream v1.23 reports; control planes and tools read the Kubernetes version from it. */
export const KUBELET_VERSION = `v${KUBERNETES.join('.')}-kubeedge-${KUBEEDGE}`;
/** As upstream's build leaves it, kept for tools that compare nodes field for field. */
export const KUBE_PROXY_VERSION = 'v0.0.0-master+$Format:%H$';

type Version = readonly [major: number, minor: number, patch: number];

/** A kubelet is never newer than its API server: towards an older cluster edged is of the cluster's version. */
export function kubeletVersion(clusterVersion: string | undefined): string {
  const cluster = parse(clusterVersion);
  return cluster !== undefined && compare(cluster, KUBERNETES) < 0
    ? `v${cluster.join('.')}-kubeedge-${KUBEEDGE}`
    : KUBELET_VERSION;
}

/** Whether the cluster is known to be of at least this version. */
export function clusterHas(clusterVersion: string | undefined, major: number, minor: number): boolean {
  const cluster = parse(clusterVersion);
  return cluster !== undefined && compare(cluster, [major, minor, 0]) >= 0;
}

function parse(text: string | undefined): Version | undefined {
  const match = /^v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})/.exec(text ?? '');
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
