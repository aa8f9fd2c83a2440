import {
  isRecord,
  type Message,
  type Node,
  type NodeStatus,
  type NodeStatusRequest,
  nodes,
} from '@kubeedge-ts/apis';
import { isAlreadyExists, isConflict } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { statusFor } from '../controllers/answers.ts';
import { publishedAddresses, publishedEndpoint } from '../controllers/kubelet-endpoint.ts';
import { ownAnnotations, sortLabels } from './node-labels.ts';
import type { UpHandler, UpPorts } from './up-context.ts';

/** Upstream's `nodeUpdateFrequency`: how old a heartbeat may be before the cloud stamps its own, ms. */
const HEARTBEAT_AGE_MS = 10_000;
const CONFLICT_TRIES = 4;

/** The status an API object gets from a 1.9 heartbeat (spec/message-protocol.md §3.2). */
export function mergedNodeStatus(node: Node, reported: NodeStatus, now: number): NodeStatus {
  const current = node.status ?? {};
  const endpoint = publishedEndpoint(node);
  const conditions = reported.conditions?.map((condition) => {
    const beat = Date.parse(condition.lastHeartbeatTime ?? '');
    return now - beat <= HEARTBEAT_AGE_MS ? condition : { ...condition, lastHeartbeatTime: rfc3339(now) };
  });
  return {
    ...reported,
    ...(conditions ? { conditions } : {}),
    ...(endpoint ? { addresses: [...publishedAddresses(endpoint, reported.addresses ?? [])] } : {}),
    ...(current.volumesAttached ? { volumesAttached: current.volumesAttached } : {}),
    ...(current.daemonEndpoints ? { daemonEndpoints: current.daemonEndpoints } : {}),
  };
}

/** Registration and heartbeat of upstream 1.9: `insert` and `update` of `{ns}/nodestatus/{name}`. */
export function createNodeStatusForms(
  { kube, answers, clock }: UpPorts,
  register: (node: Node, signal: AbortSignal) => Promise<Node>,
): UpHandler<'up.node-status'> {
  const writeStatus = async (name: string, reported: NodeStatus, signal: AbortSignal): Promise<Node> => {
    for (let attempt = 1; ; attempt++) {
      const current = await kube.get(nodes, { name }, { signal });
      const status = mergedNodeStatus(current, reported, clock.now());
      try {
        return await kube.update(nodes, { ...current, status }, { subresource: 'status', signal });
      } catch (error) {
        if (!isConflict(error) || attempt === CONFLICT_TRIES) throw error;
      }
    }
  };

  const registerOrMerge = async (claimed: Node, signal: AbortSignal): Promise<void> => {
    const { name } = claimed.metadata;
    try {
      await register(claimed, signal);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const { own, system } = sortLabels(claimed.metadata.labels);
      const metadata = {
        labels: { ...own, ...system },
        ...(isRecord(claimed.metadata.annotations)
          ? { annotations: ownAnnotations(claimed.metadata.annotations) }
          : {}),
      };
      await kube.patch(nodes, { name }, { type: 'merge', body: { metadata } }, { signal });
      if (claimed.status) await writeStatus(name, claimed.status, signal);
    }
  };

  return async ({ node, routed, signal }) => {
    const { message } = routed;
    const request = answeredAsNode(message);
    try {
      if (message.route.operation === 'insert') {
        const content = message.content as unknown as Node;
        await registerOrMerge({ ...content, metadata: { ...content.metadata, name: node } }, signal);
        return answers.ok(request);
      }
      const { Status } = message.content as NodeStatusRequest;
      const written = await writeStatus(node, (Status ?? {}) as NodeStatus, signal);
      return answers.ok(request, written.metadata.resourceVersion);
    } catch (error) {
      return answers.refusedText(request, statusFor(error));
    }
  };
}

/** The answer to a node's status goes to `{ns}/node/{name}`. */
function answeredAsNode(message: Message): Message {
  const resource = message.route.resource?.replace('/nodestatus/', '/node/') ?? '';
  return { ...message, route: { ...message.route, resource } };
}
