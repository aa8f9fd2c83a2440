import { isRecord, type Message, type Node, nodes } from '@kubeedge-ts/apis';
import { isAlreadyExists } from '@kubeedge-ts/kube';
import { refusal, statusFor, typed, untyped } from '../controllers/answers.ts';
import { asEdgeSees } from '../controllers/kubelet-endpoint.ts';
import { ownAnnotations, sortLabels } from './node-labels.ts';
import { createNodeStatusForms } from './node-status-19.ts';
import { nodeStatusPatch } from './status-patch.ts';
import type { UpHandler, UpPorts } from './up-context.ts';

/** What Go prints for a Node without values (recorded). */
const ZERO_NODE_STATUS = {
  daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
  nodeInfo: {
    machineID: '',
    systemUUID: '',
    bootID: '',
    kernelVersion: '',
    osImage: '',
    containerRuntimeVersion: '',
    kubeletVersion: '',
    kubeProxyVersion: '',
    operatingSystem: '',
    architecture: '',
  },
};

export interface NodeHandlers {
  readonly insert: UpHandler<'up.node-insert'>;
  readonly query: UpHandler<'up.node-query'>;
  readonly update: UpHandler<'up.node-update'>;
  readonly patch: UpHandler<'up.node-patch'>;
  readonly status: UpHandler<'up.node-status'>;
}

/** A node's messages about itself (spec/message-protocol.md §3.2). */
export function createNodeHandlers(ports: UpPorts): NodeHandlers {
  const { kube, caches, answers, log, address } = ports;

  /** Creates the Node, then merges the labels of Kubernetes' domain into it, as upstream does. */
  const register = async (claimed: Node, signal: AbortSignal): Promise<Node> => {
    const { name } = claimed.metadata;
    const { own, system, refused } = sortLabels(claimed.metadata.labels);
    if (refused.length > 0)
      log.warn({ node: name, labels: refused }, 'labels a node may not set were left out');
    const annotations = {
      ...(isRecord(claimed.metadata.annotations) ? ownAnnotations(claimed.metadata.annotations) : {}),
      ...(address === '' ? {} : { cloudcore: address }),
    };
    const body: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        ...(Object.keys(own).length > 0 ? { labels: own } : {}),
        ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      },
      ...(claimed.spec ? { spec: claimed.spec } : {}),
      ...(claimed.status ? { status: claimed.status } : {}),
    };
    try {
      const created = await kube.create(nodes, body, { signal });
      return await mergeLabels(name, system, created, signal);
    } catch (error) {
      if (isAlreadyExists(error)) await finishRegistration(name, system, signal);
      throw error;
    }
  };

  const mergeLabels = async (
    name: string,
    labels: Record<string, string>,
    node: Node,
    signal: AbortSignal,
  ): Promise<Node> => {
    if (Object.keys(labels).length === 0) return node;
    return kube.patch(nodes, { name }, { type: 'merge', body: { metadata: { labels } } }, { signal });
  };

  /** A registration that ended between its two steps left a Node without any of Kubernetes' labels. */
  const finishRegistration = async (
    name: string,
    system: Record<string, string>,
    signal: AbortSignal,
  ): Promise<void> => {
    const existing = await kube.get(nodes, { name }, { signal });
    if (Object.keys(sortLabels(existing.metadata.labels).system).length > 0) return;
    await mergeLabels(name, system, existing, signal);
  };

  const forms = createNodeStatusForms(ports, register);

  return {
    async insert({ routed, signal }) {
      const claimed = routed.message.content as unknown as Node;
      try {
        return answers.response(routed.message, untyped(await register(claimed, signal)));
      } catch (error) {
        // The zero object carries the labels of the second step, which upstream then skips (recorded).
        const { system } = sortLabels(claimed.metadata.labels);
        const zero = {
          metadata: {
            creationTimestamp: null,
            ...(Object.keys(system).length > 0 ? { labels: system } : {}),
          },
          spec: {},
          status: ZERO_NODE_STATUS,
        };
        return answers.refusedResponse(routed.message, statusFor(error), zero);
      }
    },

    async query({ routed, signal }) {
      const node = await kube.get(nodes, { name: routed.path.name }, { signal });
      return answers.object(routed.message, typed(asEdgeSees(node), 'Node', 'v1'));
    },

    async update({ node, routed, signal }) {
      const { labels, annotations } = routed.message.content.metadata;
      const { own, system, refused } = sortLabels(labels);
      if (refused.length > 0) log.warn({ node, labels: refused }, 'labels a node may not set were left out');
      const metadata = {
        labels: { ...own, ...system },
        ...(isRecord(annotations) ? { annotations: ownAnnotations(annotations) } : {}),
      };
      await kube.patch(nodes, { name: node }, { type: 'merge', body: { metadata } }, { signal });
      return answers.ok(routed.message);
    },

    async patch({ node, routed, signal }): Promise<Message> {
      const patch = nodeStatusPatch(routed.message.content, caches.edgeNode(node));
      if (patch === undefined) {
        return answers.refusedResponse(
          routed.message,
          refusal(400, 'BadRequest', 'the patch is no JSON object'),
        );
      }
      if (patch.refused.length > 0) {
        log.warn({ node, labels: patch.refused }, 'labels a node may not set were left out');
      }
      const patched = await kube.patch(
        nodes,
        { name: node },
        { type: 'strategic', body: patch.body },
        { subresource: 'status', signal },
      );
      return answers.response(routed.message, untyped(asEdgeSees(patched)), { version: true });
    },

    status: forms,
  };
}
