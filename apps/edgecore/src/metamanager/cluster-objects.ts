import { OPERATIONS, resourcePath } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';
import type { ClusterObjectType, MetaClient } from './meta-client.ts';
import { type ObjectAccess, reasonOf } from './object-access.ts';
import type { Remote } from './remote.ts';

/** Namespace in the resource of those that are not asked for in one (spec/message-protocol.md §1.4). */
const NAMESPACE: Readonly<Record<ClusterObjectType, string | undefined>> = {
  persistentvolume: 'null',
  persistentvolumeclaim: undefined,
  // Upstream's word, although the object is cluster-scoped.
  volumeattachment: 'default',
  runtimeclass: 'null',
  csidriver: 'null',
};
/** Ours: an upstream cloud gives no answer to these, and waiting for it would delay the pod by a minute. */
const ADDED: ReadonlySet<ClusterObjectType> = new Set(['runtimeclass', 'csidriver']);

export interface ClusterObjectsOptions {
  readonly store: Pick<Store, 'write'>;
  readonly objects: ObjectAccess;
  readonly remote: Pick<Remote, 'connected' | 'offers'>;
  readonly log: Logger;
}

/** Objects that are asked for when a pod needs them, and kept for when the cloud is away. */
export function createClusterObjects({
  store,
  objects,
  remote,
  log,
}: ClusterObjectsOptions): Pick<MetaClient, 'getObject'> {
  return {
    async getObject(type, namespace, name) {
      const resource = resourcePath(type, NAMESPACE[type] ?? namespace, name);
      if (!remote.connected || (ADDED.has(type) && !remote.offers('queries')))
        return objects.stored(resource);
      try {
        const object = await objects.askAndStore({ operation: OPERATIONS.query, resource, content: null });
        if (object === undefined) {
          await store.write([{ sql: 'DELETE FROM meta WHERE key = ?', params: [resource] }]);
        }
        return object;
      } catch (error) {
        // What the node may not read it must not go on using; anything else says nothing about the object.
        if (!isKubeEdgeError(error) || reasonOf(error) === 'Forbidden') throw error;
        const stored = await objects.stored(resource);
        if (stored === undefined && !isKubeEdgeError(error, 'EDGE_DISCONNECTED')) throw error;
        log.warn(
          { resource, err: errorText(error) },
          'cloud does not tell an object, the stored one is used',
        );
        return stored;
      }
    },
  };
}
