import { type Pod, pods } from '@kubeedge-ts/apis';
import { isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import type { Tunnels } from './tunnels.ts';

/** What a request on the port that all nodes share tells about the node it is for. */
export interface LookupRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly forwardedUri: string | undefined;
  readonly host: string | undefined;
}

export type Found =
  | { readonly node: string }
  /** `why` completes "the request names no node: …". */
  | { readonly node: undefined; readonly why: string };

export interface NodeLookup {
  /** @throws KubeEdgeError of the API other than 404 */
  find(request: LookupRequest, signal: AbortSignal): Promise<Found>;
}

const TIMEOUT_MS = 10_000;

/**
 * The node of a request that came in on the shared port (spec/cloudstream-edgestream.md §3): where its pod is, else what
 * the API server's proxy says, else the node that has the address of the Host header.
 */
export function createNodeLookup(
  kube: Pick<KubeClient, 'get'>,
  tunnels: Pick<Tunnels, 'of' | 'nodesAt'>,
): NodeLookup {
  const ofPod = async (namespace: string, name: string, signal: AbortSignal): Promise<Found> => {
    try {
      const pod = await kube.get<Pod>(pods, { namespace, name }, { signal, timeoutMs: TIMEOUT_MS });
      const node = pod.spec?.nodeName ?? '';
      return node === '' ? { node: undefined, why: `pod ${namespace}/${name} is on no node` } : { node };
    } catch (error) {
      if (isNotFound(error)) return { node: undefined, why: `there is no pod ${namespace}/${name}` };
      throw error;
    }
  };

  return {
    async find({ params, forwardedUri, host }, signal) {
      const { namespace, pod } = params;
      if (namespace !== undefined && pod !== undefined) return ofPod(namespace, pod, signal);
      const proxied = proxiedNode(forwardedUri);
      if (proxied !== undefined) return { node: proxied };
      const name = hostOf(host);
      if (name === '') return { node: undefined, why: 'it has neither X-Forwarded-Uri nor Host' };
      if (tunnels.of(name) !== undefined) return { node: name };
      const [node, second] = tunnels.nodesAt(name);
      if (second !== undefined) {
        return { node: undefined, why: `${node} and ${second} both have the address ${name}` };
      }
      if (node === undefined)
        return { node: undefined, why: `no node that is connected has the address ${name}` };
      return { node };
    },
  };
}

/** The API server's proxy names the node in `X-Forwarded-Uri: /api/v1/nodes/<node>/proxy/…`. */
export function proxiedNode(forwardedUri: string | undefined): string | undefined {
  const encoded = /^\/api\/v1\/nodes\/([^/?]+)\/proxy(?:[/?]|$)/.exec(forwardedUri ?? '')?.[1];
  if (encoded === undefined) return undefined;
  try {
    // `<scheme>:<name>:<port>` is a form of the proxy's, too
    const parts = decodeURIComponent(encoded).split(':');
    return parts.length === 1 ? parts[0] : parts.length === 3 ? parts[1] : parts[0];
  } catch {
    return undefined;
  }
}

/** Of a Host header, without port and brackets. */
export function hostOf(host: string | undefined): string {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::\d*)?$/.exec(host ?? '');
  return match?.[1] ?? match?.[2] ?? '';
}
