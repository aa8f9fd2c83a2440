/** Version of all programs; equal to the root package.json (tested). */
export const VERSION = '0.1.0';

/** The Kubernetes whose kubelet behaviour edged follows, and the KubeEdge whose wire format is spoken. */
export const KUBERNETES_VERSION = 'v1.32.10';
export const KUBEEDGE_VERSION = 'v1.23.1';
