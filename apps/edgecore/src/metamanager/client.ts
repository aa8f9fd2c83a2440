import { type Lease, type Node, OPERATIONS, type Pod, resourcePath, type Service } from '@kubeedge-ts/apis';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';
import { createClusterObjects } from './cluster-objects.ts';
import type { ClusterVersion } from './cluster-version.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { MetaClient } from './meta-client.ts';
import { LIST_PODS, storeAnswer, upsertMeta } from './meta-rows.ts';
import { createMirrorPods } from './mirror-pods.ts';
import type { ObjectAccess } from './object-access.ts';
import type { Outbox } from './outbox.ts';
import { nodeObject } from './outbox-entry.ts';
import type { Remote } from './remote.ts';
import type { Tokens } from './tokens.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
/** A lease that is not renewed within its quarter of time is asked for again rather than waited for. */
const LEASE_TIMEOUT_MS = 10_000;

export interface MetaClientOptions {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly objects: ObjectAccess;
  readonly remote: Remote;
  readonly outbox: Outbox;
  readonly events: Pick<EventOutbox, 'report'>;
  readonly clusterVersion: Pick<ClusterVersion, 'value'>;
  readonly tokens: Tokens;
  readonly log: Logger;
}

/** What edged asks and tells (spec/metamanager-and-metaserver.md §3.3). */
export function createMetaClient(options: MetaClientOptions): MetaClient {
  const { store, objects, remote, outbox, events, clusterVersion, tokens, log } = options;

  const askLease = async (operation: string, name: string, content: unknown): Promise<Lease | undefined> => {
    const resource = resourcePath('lease', LEASE_NAMESPACE, name);
    const answer = await objects.ask({ operation, resource, content, timeoutMs: LEASE_TIMEOUT_MS });
    // Not stored, unlike upstream: nobody reads it, and it would cost the flash a write every ten seconds.
    await answer?.acknowledge();
    return answer?.object as Lease | undefined;
  };

  return {
    get connected() {
      return remote.connected;
    },
    get clusterVersion() {
      return clusterVersion.value;
    },

    async listPods() {
      const rows = await store.read(LIST_PODS);
      return rows.map(objects.parse).filter((pod) => pod !== undefined) as unknown as readonly Pod[];
    },

    async listServices(namespace) {
      const [from, to] = [`${namespace}/service/`, `${namespace}/service0`];
      const rows = await store.read({
        sql: "SELECT key, value FROM meta WHERE type = 'service' AND key > ? AND key < ? ORDER BY key",
        params: [from, to],
      });
      return rows.map(objects.parse).filter((service) => service !== undefined) as unknown as Service[];
    },

    ...createClusterObjects({ store, objects, remote, log }),
    ...createMirrorPods({ objects, remote }),

    async getReferenced(type, namespace, name) {
      const resource = resourcePath(type, namespace, name);
      const have = await objects.stored(resource);
      return have ?? objects.askAndStore({ operation: OPERATIONS.query, resource, content: null });
    },

    getToken: (namespace, serviceAccount, request) => tokens.get(namespace, serviceAccount, request),

    async createNode(node) {
      const resource = resourcePath('node', undefined, node.metadata.name);
      const answer = await objects.ask({ operation: OPERATIONS.insert, resource, content: node });
      const created = { ...answer?.object, apiVersion: 'v1', kind: 'Node' } as unknown as Node;
      await store.write([upsertMeta(resource, 'node', JSON.stringify(created))]);
      await answer?.acknowledge();
      return created;
    },

    async patchNode(name, patch) {
      // The same resource as a status patch; `metadata` is what a cloud takes besides it.
      const resource = resourcePath('nodepatch', undefined, name);
      const content = JSON.stringify(patch);
      const request = { operation: OPERATIONS.patch, resource, content, acknowledged: false };
      const answer = await objects.ask(request);
      if (answer === undefined) return;
      const node = { ...answer.object, apiVersion: 'v1', kind: 'Node' };
      await store.write([storeAnswer(resourcePath('node', undefined, name), node)]);
    },

    getNode: async (name) =>
      (await objects.stored(resourcePath('node', undefined, name))) as unknown as Node | undefined,

    getLease: (name) => askLease(OPERATIONS.query, name, null),

    async putLease(lease) {
      const operation = lease.metadata.resourceVersion ? OPERATIONS.update : OPERATIONS.insert;
      // Only a query may find nothing.
      return (await askLease(operation, lease.metadata.name, lease)) as Lease;
    },

    reportPodStatus: (pod, status) => outbox.report({ kind: 'pod', ...pod }, status),
    reportNodeStatus: (node, status) => outbox.report(nodeObject(node), status),
    reportEvent: (event) => events.report(event),
    deletePod: (pod) => outbox.remove({ kind: 'pod', ...pod }),
    forgetTokens: (podUid) => tokens.forget(podUid),
  };
}
