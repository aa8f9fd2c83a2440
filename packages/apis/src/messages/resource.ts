/** A resource path on the wire, taken apart (spec/message-protocol.md §1.4). */
export interface ResourcePath {
  /** Type token, e.g. `pod`, `podpatch`, `membership`, `device/twin`. */
  readonly type: string;
  /** `null` (the word) for cluster-scoped objects; empty where the grammar has none. */
  readonly namespace: string;
  /** Empty when the path names a list. */
  readonly name: string;
}

/** The literal that stands for "no namespace". */
export const NO_NAMESPACE = 'null';

const VOLUME = /^\w[-\w.+]*\/volume\/\w[-\w.+]*$/;

/**
 * Classifies a wire resource. Device messages become the types `device/twin/edge_updated`,
 * `device/twin/cloud_updated` and `device/state/update` with the device id (`name` or `ns/name`) as name.
 */
export function parseResource(resource: string): ResourcePath {
  switch (resource) {
    case 'node':
    case 'twin':
    case 'membership':
    case 'membership/detail':
    case 'node/connection':
    case 'k8s/ca.crt':
    case 'watchapp/sync':
    case 'null':
      return { type: resource, namespace: '', name: '' };
  }
  const parts = resource.split('/');
  if (parts[0] === 'device' && parts.length >= 4) {
    const suffix = parts.slice(-2).join('/');
    if (suffix === 'twin/edge_updated' || suffix === 'twin/cloud_updated' || suffix === 'state/update') {
      return { type: `device/${suffix}`, namespace: '', name: parts.slice(1, -2).join('/') };
    }
  }
  if (VOLUME.test(resource)) return { type: 'volume', namespace: parts[0] ?? '', name: parts[2] ?? '' };
  if (parts.length === 2 || parts.length === 3) {
    return { namespace: parts[0] ?? '', type: parts[1] ?? '', name: parts[2] ?? '' };
  }
  return { type: '', namespace: '', name: resource };
}

/** `{namespace}/{type}[/{name}]`; an absent namespace becomes the word `null`. */
export function resourcePath(type: string, namespace: string | undefined, name?: string): string {
  const ns = namespace || NO_NAMESPACE;
  return name === undefined || name === '' ? `${ns}/${type}` : `${ns}/${type}/${name}`;
}
