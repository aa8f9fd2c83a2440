import { isRecord, type Node, nodes, parseJson } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { createWorkQueue, isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import { type Backoff, type Clock, createBackoff, type Logger, type Random } from '@kubeedge-ts/runtime';
import { formatEndpoint, type KubeletEndpoint, ROUTE_ANNOTATION } from '../controllers/kubelet-endpoint.ts';

/** Asks the API server for each node the way kubectl would, and writes down for people what came of it. */
export interface RouteCheck {
  /** The node's endpoint has been published, or what it depends on has changed. */
  check(node: string, endpoint: KubeletEndpoint): void;
  /** What all ways depend on has changed. */
  again(): void;
  forget(node: string): void;
  stop(): Promise<void>;
}

export interface RouteCheckOptions {
  readonly kube: Pick<KubeClient, 'request' | 'patch'>;
  readonly nodeOf: (name: string) => Node | undefined;
  readonly isConnected: (node: string) => boolean;
  /** Why this address, and whose certificate: completes what the check found. */
  readonly how: () => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const TIMEOUT_MS = 15_000;
const CONCURRENCY = 4;
/** Node and cloudcore may be new to the API server; what works is looked at again all the same. */
const RETRY = { initialMs: 10_000, maxMs: 300_000 };
const AGAIN_MS = 600_000;
const MAX_TEXT = 300;

export function createRouteCheck(options: RouteCheckOptions): RouteCheck {
  const { kube, nodeOf, isConnected, how, clock, random } = options;
  const log = options.log.child({ part: 'route-check' });
  const endpoints = new Map<string, { readonly endpoint: KubeletEndpoint; readonly backoff: Backoff }>();

  const handler = async (name: string, signal: AbortSignal): Promise<void> => {
    const known = endpoints.get(name);
    if (known === undefined || !isConnected(name)) return;
    const path = `/api/v1/nodes/${encodeURIComponent(name)}/proxy/healthz`;
    const verdict = await kube.request({ method: 'GET', path, timeoutMs: TIMEOUT_MS, signal }).then(
      ({ status, body }) => verdictOn(status, body.toString()),
      (error: unknown) => ({ ok: false, text: errorText(error) }),
    );
    signal.throwIfAborted();
    const via = formatEndpoint(known.endpoint);
    const text = verdict.ok
      ? `${verdict.text}: the API server reaches this node at ${via}; ${how()}`
      : // the cause first: `kubectl describe` shows 140 characters
        `failed: ${verdict.text.slice(0, MAX_TEXT)}; the API server tried ${via}; ${how()}`;
    if (nodeOf(name)?.metadata.annotations?.[ROUTE_ANNOTATION] !== text) {
      const fields = { node: name, endpoint: via, result: verdict.text };
      if (verdict.ok) log.info(fields, 'the API server reaches the kubelet of this node');
      else log.warn(fields, 'the API server does not reach the kubelet of this node');
      const body = { metadata: { annotations: { [ROUTE_ANNOTATION]: text } } };
      await kube.patch(nodes, { name }, { type: 'merge', body }, { signal }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
    if (verdict.ok) known.backoff.reset();
    queue.addAfter(name, verdict.ok ? AGAIN_MS : known.backoff.next());
  };

  const queue = createWorkQueue(
    { name: 'route-check', handler, concurrency: CONCURRENCY },
    { clock, random, log },
  );
  return {
    check(node, endpoint) {
      endpoints.set(node, { endpoint, backoff: createBackoff(RETRY, random) });
      queue.add(node);
    },
    again() {
      for (const [node, { backoff }] of endpoints) {
        backoff.reset();
        queue.add(node);
      }
    },
    forget: (node) => void endpoints.delete(node),
    stop: () => queue.shutdown(),
  };
}

/** What an answer of `nodes/<node>/proxy/healthz` says about the way there. */
export function verdictOn(status: number, body: string): { readonly ok: boolean; readonly text: string } {
  if (status === 200) return { ok: true, text: 'ok' };
  const said = statusMessage(body);
  if (status === 403 && said !== undefined) {
    return { ok: true, text: 'not checked (cloudcore may not get nodes/proxy)' };
  }
  // what the API server says of its own is a Status; a kubelet says it in plain text
  if (said === undefined && status === 500)
    return { ok: true, text: `ok, though its kubelet is not well (${body.trim().slice(0, 100)})` };
  return { ok: false, text: said ?? `${status} ${body.trim()}` };
}

function statusMessage(body: string): string | undefined {
  try {
    const value = parseJson(body, { maxLength: 65_536, maxDepth: 16 });
    return isRecord(value) && value['kind'] === 'Status' ? String(value['message'] ?? '') : undefined;
  } catch {
    return undefined;
  }
}
