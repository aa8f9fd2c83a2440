import { ENDPOINT_ANNOTATION, ROUTE_ANNOTATION } from '../controllers/kubelet-endpoint.ts';

/** Labels of these prefixes belong to Kubernetes; the rest of a node's labels are its own. */
const SYSTEM_DOMAIN = /(^|\.)(kubernetes|k8s)\.io$/;

/** What a node may say about itself in Kubernetes' label domain, as for any kubelet, plus the roles of an edge node. */
const ALLOWED = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'node-role.kubernetes.io/edge',
  'node-role.kubernetes.io/agent',
]);
const ALLOWED_DOMAIN = /(^|\.)(kubelet|node)\.kubernetes\.io$/;

export interface SortedLabels {
  /** The node's own. */
  readonly own: Record<string, string>;
  /** Kubernetes' labels that a node may set. */
  readonly system: Record<string, string>;
  /** Keys it may not set. */
  readonly refused: readonly string[];
}

/** Sorts the labels a node claims. Upstream creates it with its own and merges the system ones in a second step. */
export function sortLabels(labels: Readonly<Record<string, unknown>> | undefined): SortedLabels {
  const own: Record<string, string> = {};
  const system: Record<string, string> = {};
  const refused: string[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (typeof value !== 'string') continue;
    const domain = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
    if (!SYSTEM_DOMAIN.test(domain)) own[key] = value;
    else if (ALLOWED.has(key) || ALLOWED_DOMAIN.test(domain)) system[key] = value;
    else refused.push(key);
  }
  return { own, system, refused };
}

/**
 * By the first one several cloudcores agree whose the node is, by the others where its kubelet is reached; what an edge
 * says of them is old news.
 */
const CLOUDCORE_ANNOTATIONS: readonly string[] = ['cloudcore', ENDPOINT_ANNOTATION, ROUTE_ANNOTATION];

/** The annotations a node may say of itself. */
export function ownAnnotations(annotations: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => !CLOUDCORE_ANNOTATIONS.includes(key)),
  );
}
