import {
  type KubeObject,
  type Message,
  newMessage,
  type Pod,
  type PodStatus,
  type PodStatusRequest,
  pods,
  resourcePath,
} from '@kubeedge-ts/apis';
import { isConflict, isNotFound, type ObjectKey } from '@kubeedge-ts/kube';
import { notFound, refusal, statusFor, untyped } from '../controllers/answers.ts';
import { claimedUid } from './claimed-uid.ts';
import { isFinished, mergedPodStatus } from './pod-status-19.ts';
import { podStatusPatch } from './status-patch.ts';
import type { UpHandler, UpPorts } from './up-context.ts';

export interface PodHandlers {
  readonly patch: UpHandler<'up.pod-patch'>;
  readonly status: UpHandler<'up.pod-status'>;
  readonly insert: UpHandler<'up.pod-insert'>;
  readonly delete: UpHandler<'up.pod-delete'>;
}

const CONFLICT_TRIES = 4;

/** A node's messages about its pods (spec/message-protocol.md §3.2). */
export function createPodHandlers(ports: UpPorts): PodHandlers {
  const { kube, caches, downstream, answers, origin, clock, log } = ports;

  /**
   * Tells the node that a pod it still has is gone. Edges of 1.9 delete by name alone, so that while a new pod of that
   * name is bound to the node only the queue, which orders by name, may send the delete.
   */
  const sendDelete = (node: string, key: ObjectKey, uid: string | undefined): void => {
    if (uid) downstream.unwant(node, uid);
    if (caches.podStub(key)?.spec?.nodeName === node) return;
    const content: KubeObject = { metadata: { ...key, ...(uid ? { uid } : {}) } };
    const message = newMessage(origin, {
      source: 'edgecontroller',
      group: 'resource',
      operation: 'delete',
      resource: resourcePath('pod', key.namespace, key.name),
      content,
    });
    downstream.post(node, message);
    log.info(
      { node, pod: `${key.namespace}/${key.name}`, uid },
      'node reported a pod that is gone, delete sent',
    );
  };

  /** The pod, if it still is the one the node speaks of. */
  const current = async (
    key: ObjectKey,
    uid: string | undefined,
    signal: AbortSignal,
  ): Promise<Pod | undefined> => {
    try {
      const pod = await kube.get(pods, key, { signal });
      return uid === undefined || pod.metadata.uid === uid ? pod : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };

  const report = async (
    node: string,
    namespace: string,
    { UID, Name, Status }: PodStatusRequest,
    signal: AbortSignal,
  ): Promise<void> => {
    const key = { namespace, name: Name };
    for (let attempt = 1; ; attempt++) {
      const pod = await current(key, UID, signal);
      if (pod === undefined) return sendDelete(node, key, UID);
      if (pod.spec?.nodeName !== node) {
        log.warn({ node, pod: `${namespace}/${Name}` }, 'status of a pod of another node refused');
        return;
      }
      const status = mergedPodStatus(pod.status ?? {}, Status as PodStatus, clock.now());
      try {
        const written = await kube.update(pods, { ...pod, status }, { subresource: 'status', signal });
        if (isFinished(written)) await remove(key, UID, signal);
        return;
      } catch (error) {
        if (isNotFound(error)) return sendDelete(node, key, UID);
        if (!isConflict(error) || attempt === CONFLICT_TRIES) throw error;
      }
    }
  };

  /** Deletes at once; a pod that is already gone, or has been replaced, is what was wanted. */
  const remove = async (key: ObjectKey, uid: string | undefined, signal: AbortSignal): Promise<void> => {
    try {
      const preconditions = uid ? { preconditions: { uid } } : {};
      await kube.delete(pods, key, { gracePeriodSeconds: 0, ...preconditions, signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  };

  return {
    async patch({ node, routed, signal }): Promise<Message> {
      const { path, message } = routed;
      const patch = podStatusPatch(message.content);
      if (patch === undefined) {
        return answers.refusedResponse(message, refusal(400, 'BadRequest', 'the patch is no JSON object'));
      }
      const key = { namespace: path.namespace, name: path.name };
      const gone = (): Message => {
        sendDelete(node, key, patch.uid);
        return answers.refusedResponse(message, notFound('pods', path.name));
      };
      const known = caches.podStub(key)?.metadata.uid;
      if (known !== undefined && patch.uid !== undefined && known !== patch.uid) return gone();
      try {
        const options = { subresource: 'status', signal };
        const patched = await kube.patch(pods, key, { type: 'strategic', body: patch.body }, options);
        return answers.response(message, untyped(patched), { version: true });
      } catch (error) {
        if (isNotFound(error)) return gone();
        // A conflict is either a write at the same time or the UID precondition.
        if (isConflict(error) && (await current(key, patch.uid, signal)) === undefined) return gone();
        return answers.refusedResponse(message, statusFor(error));
      }
    },

    async status({ node, routed, signal }) {
      const { path, message } = routed;
      const { content } = message;
      const single = !Array.isArray(content);
      const reports = (single ? [content] : content) as readonly PodStatusRequest[];
      try {
        for (const entry of reports) await report(node, path.namespace, entry, signal);
      } catch (error) {
        if (!single) throw error;
        return answers.refusedText(message, statusFor(error));
      }
      // The periodic list of 1.9 is not answered.
      return single ? answers.ok(message) : undefined;
    },

    async insert({ routed, signal }) {
      const { path, message } = routed;
      const pod = message.content as unknown as Pod;
      const { status: _status, ...body } = pod;
      const metadata = { ...mirrorMetadata(pod), name: path.name, namespace: path.namespace };
      const created = await kube.create(
        pods,
        { ...body, apiVersion: 'v1', kind: 'Pod', metadata },
        { signal },
      );
      return answers.response(message, untyped(created));
    },

    async delete({ routed, signal }) {
      const { path, message } = routed;
      try {
        await remove({ namespace: path.namespace, name: path.name }, claimedUid(routed), signal);
        return answers.ok(message);
      } catch (error) {
        return answers.refused(message, statusFor(error));
      }
    },
  };
}

/** Identity is the API server's to give; finalizers would let a node keep objects from being deleted. */
function mirrorMetadata({ metadata }: Pod): Pod['metadata'] {
  const { name, labels, annotations, ownerReferences } = metadata;
  return {
    name,
    ...(labels ? { labels } : {}),
    ...(annotations ? { annotations } : {}),
    ...(ownerReferences ? { ownerReferences } : {}),
  };
}
