import { isRecord, type Node, type NodeAddress } from '@kubeedge-ts/apis';

/**
 * Where the API server finds a node's kubelet API: at cloudcore, which carries it to the node. CloudStream writes it into
 * the node's status and into an annotation; by the annotation every cloudcore knows it, whoever wrote it.
 */
export interface KubeletEndpoint {
  readonly address: string;
  readonly port: number;
}

/** `address:port` that is published in the node's status. */
export const ENDPOINT_ANNOTATION = 'kubeedge-ts.io/kubelet-endpoint';
/** Whether the API server gets through, and why this way: for people. */
export const ROUTE_ANNOTATION = 'kubeedge-ts.io/kubelet-route';

export function formatEndpoint({ address, port }: KubeletEndpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export function publishedEndpoint(node: Pick<Node, 'metadata'>): KubeletEndpoint | undefined {
  const text = node.metadata.annotations?.[ENDPOINT_ANNOTATION] ?? '';
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return address === undefined || port < 1 || port > 65_535 ? undefined : { address, port };
}

/**
 * The addresses of the node's status: API servers take the first InternalIP or the first Hostname, whichever their
 * `--kubelet-preferred-address-types` names first, so cloudcore's address leads both; the node's own stay behind it.
 */
export function publishedAddresses(
  { address }: KubeletEndpoint,
  own: readonly NodeAddress[],
): readonly NodeAddress[] {
  return [{ type: 'InternalIP', address }, { type: 'Hostname', address }, ...own];
}

/** The node's own addresses: without what is published in front of them. */
export function ownAddresses(
  addresses: readonly NodeAddress[] | undefined,
  endpoint: KubeletEndpoint | undefined,
): readonly NodeAddress[] {
  const all = addresses ?? [];
  if (endpoint === undefined) return all;
  const [first, second] = publishedAddresses(endpoint, []);
  return sameAddress(all[0], first) && sameAddress(all[1], second) ? all.slice(2) : all;
}

/** The node as its edge is to see it: were the published addresses in it, the edge would report its own for ever. */
export function asEdgeSees(node: Node): Node {
  const endpoint = publishedEndpoint(node);
  if (endpoint === undefined || node.status?.addresses === undefined) return node;
  const addresses = [...ownAddresses(node.status.addresses, endpoint)];
  return { ...node, status: { ...node.status, addresses } };
}

/**
 * What of a status patch of the edge is written: its addresses go behind the published one, and the port of the kubelet is
 * cloudcore's. `current` is the Node as it is now; one without a published endpoint changes nothing.
 */
export function behindPublished(
  patch: Readonly<Record<string, unknown>>,
  current: Node | undefined,
): Readonly<Record<string, unknown>> {
  const endpoint = current === undefined ? undefined : publishedEndpoint(current);
  if (endpoint === undefined) return patch;
  const { daemonEndpoints: _ours, addresses, [ORDER]: _order, ...rest } = patch;
  if (addresses === undefined) return rest;
  const before = current?.status?.addresses ?? [];
  const own = addresses === null ? [] : patchedAddresses(ownAddresses(before, endpoint), addresses);
  const after = publishedAddresses(endpoint, own);
  return sameAddresses(before, after) ? rest : { ...rest, addresses: replacing(after) };
}

/** Of a strategic merge patch: `type` is the merge key of addresses and not unique, so that the list is replaced whole. */
export function replacing(addresses: readonly NodeAddress[]): readonly object[] {
  return [...addresses, { $patch: 'replace' }];
}

export function sameAddresses(a: readonly NodeAddress[], b: readonly NodeAddress[]): boolean {
  return a.length === b.length && a.every((address, index) => sameAddress(address, b[index]));
}

const ORDER = '$setElementOrder/addresses';

function sameAddress(a: NodeAddress | undefined, b: NodeAddress | undefined): boolean {
  return a?.type === b?.type && a?.address === b?.address;
}

/** As the API server would merge them. */
function patchedAddresses(own: readonly NodeAddress[], patch: unknown): readonly NodeAddress[] {
  const items = Array.isArray(patch) ? patch.filter(isRecord) : [];
  const isWhole = items.some((item) => item['$patch'] === 'replace');
  let result = isWhole ? [] : [...own];
  for (const { $patch: directive, type, address } of items) {
    if (directive === 'replace' || typeof type !== 'string') continue;
    const at = isWhole ? -1 : result.findIndex((known) => known.type === type);
    if (directive === 'delete') result = result.filter((_, index) => index !== at);
    else if (typeof address !== 'string') continue;
    else if (at === -1) result.push({ type, address });
    else result[at] = { type, address };
  }
  return result;
}
