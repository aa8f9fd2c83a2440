import { OPERATIONS, type Pod, resourcePath } from '@kubeedge-ts/apis';
import type { MetaClient } from './meta-client.ts';
import { type ObjectAccess, reasonOf } from './object-access.ts';
import type { Remote } from './remote.ts';

/** The API's copies of static pods (spec/edged.md §14), and the other pods by name. */
export function createMirrorPods({
  objects,
  remote,
}: {
  readonly objects: ObjectAccess;
  readonly remote: Pick<Remote, 'ask' | 'connected' | 'offers'>;
}): Pick<MetaClient, 'createPod' | 'getPod' | 'deleteMirrorPod'> {
  const typed = { apiVersion: 'v1', kind: 'Pod' };
  return {
    async createPod(pod) {
      const { namespace, name } = pod.metadata;
      const resource = resourcePath('pod', namespace, name);
      const request = { operation: OPERATIONS.insert, resource, content: pod };
      // Only a query may find nothing.
      return (await objects.askAndStore(request, resource, typed)) as unknown as Pod;
    },

    async getPod(namespace, name) {
      const resource = resourcePath('pod', namespace, name);
      const stored = await objects.stored(resource);
      // An upstream cloud has no answer to this query.
      if (stored !== undefined || !remote.connected || !remote.offers('queries')) {
        return stored as unknown as Pod | undefined;
      }
      // Not stored: what the node must have the cloud sends by itself, and takes back.
      const answer = await objects.ask({ operation: OPERATIONS.query, resource, content: null });
      await answer?.acknowledge();
      return answer?.object as unknown as Pod | undefined;
    },

    async deleteMirrorPod({ namespace, name, uid }) {
      try {
        await remote.ask({
          operation: OPERATIONS.delete,
          resource: resourcePath('pod', namespace, name),
          content: { gracePeriodSeconds: 0, preconditions: { uid } },
          acknowledged: false,
        });
      } catch (error) {
        // Of another UID: the name belongs to another pod now.
        if (reasonOf(error) !== 'NotFound' && reasonOf(error) !== 'Conflict') throw error;
      }
    },
  };
}
