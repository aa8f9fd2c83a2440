/**
 * What our own ends add to upstream's protocol. Each end names what it has in an upgrade header, an addition is used
 * where both have named it; upstream's ends neither send nor read these headers.
 */
export const CAPABILITIES = ['services', 'event-answers', 'queries', 'inventory'] as const;

/**
 * `services`: the cloud sends the Services of the namespaces in which the node has pods.
 * `event-answers`: an event is answered when it has been written, or refused.
 * `queries`: queries of pods, runtime classes and CSI drivers are answered.
 * `inventory`: the edge tells what its store holds. Another name whenever equal objects get other hashes than before.
 */
export type Capability = (typeof CAPABILITIES)[number];

export const CAPABILITIES_HEADER = 'x-kubeedge-ts-capabilities';
/** From the cloud only: version of the cluster's API server, e.g. `v1.31.2`. */
export const CLUSTER_VERSION_HEADER = 'x-kubeedge-ts-cluster-version';

/** Value of the header that names all additions. */
export const OWN_CAPABILITIES = CAPABILITIES.join(',');

/** What the peer has of ours; names we do not know are a newer peer's and are passed over. */
export function readCapabilities(headers: Readonly<Record<string, string>>): ReadonlySet<Capability> {
  const named = new Set((headers[CAPABILITIES_HEADER] ?? '').split(',').map((name) => name.trim()));
  return new Set(CAPABILITIES.filter((capability) => named.has(capability)));
}

/** The version a cloud claims, if it is one. */
export function readClusterVersion(headers: Readonly<Record<string, string>>): string | undefined {
  const version = headers[CLUSTER_VERSION_HEADER];
  return version !== undefined && version.length <= 64 && /^v\d+\.\d+\.\d+[-+.\w]*$/.test(version)
    ? version
    : undefined;
}
