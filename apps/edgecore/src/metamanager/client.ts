import {
  isRecord,
  type KubeObject,
  type Lease,
  type Node,
  OPERATIONS,
  type Pod,
  parseJson,
  resourcePath,
  type UnknownObject,
} from '@kubeedge-ts/apis';
import { edgecoreErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Row, Store } from '@kubeedge-ts/store';
import type { MetaClient } from './meta-client.ts';
import { storeAnswer, upsertMeta } from './meta-rows.ts';
import type { Outbox } from './outbox.ts';
import { nodeObject } from './outbox-entry.ts';
import type { Remote, RemoteRequest } from './remote.ts';
import type { Tokens } from './tokens.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
/** A lease that is not renewed within its quarter of time is asked for again rather than waited for. */
const LEASE_TIMEOUT_MS = 10_000;

export interface MetaClientOptions {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly remote: Remote;
  readonly outbox: Outbox;
  readonly tokens: Tokens;
  readonly log: Logger;
}

/** What edged asks and tells (spec/metamanager-and-metaserver.md §3.3). */
export function createMetaClient({ store, remote, outbox, tokens, log }: MetaClientOptions): MetaClient {
  const parse = (row: Row): (KubeObject & UnknownObject) | undefined => {
    try {
      const object = parseJson(String(row['value']));
      if (isRecord(object) && isRecord(object['metadata']))
        return object as unknown as KubeObject & UnknownObject;
    } catch (error) {
      log.debug({ key: row['key'], err: errorText(error) }, 'stored row is no JSON');
    }
    log.warn({ key: row['key'] }, 'stored row is no object and is passed over');
    return undefined;
  };

  const stored = async (key: string): Promise<(KubeObject & UnknownObject) | undefined> => {
    const [row] = await store.read({ sql: 'SELECT key, value FROM meta WHERE key = ?', params: [key] });
    return row === undefined ? undefined : parse(row);
  };

  /** Asks for an object; undefined when it does not exist. */
  const ask = async (request: RemoteRequest): Promise<Asked | undefined> => {
    try {
      const { content, acknowledge } = await remote.ask(request);
      if (isRecord(content) && isRecord(content['metadata'])) {
        return { object: content as unknown as KubeObject & UnknownObject, acknowledge };
      }
      await acknowledge();
      const { operation, resource } = request;
      const details = { operation, resource, reason: 'Unknown', problem: 'the answer carries no object' };
      throw edgecoreErrors.create('EDGE_REMOTE_FAILED', details);
    } catch (error) {
      const notFound = isKubeEdgeError(error, 'EDGE_REMOTE_FAILED') && error.details['reason'] === 'NotFound';
      if (notFound && request.operation === OPERATIONS.query) return undefined;
      throw error;
    }
  };

  const askLease = async (operation: string, name: string, content: unknown): Promise<Lease | undefined> => {
    const resource = resourcePath('lease', LEASE_NAMESPACE, name);
    const answer = await ask({ operation, resource, content, timeoutMs: LEASE_TIMEOUT_MS });
    // Not stored, unlike upstream: nobody reads it, and it would cost the flash a write every ten seconds.
    await answer?.acknowledge();
    return answer?.object as Lease | undefined;
  };

  return {
    get connected() {
      return remote.connected;
    },

    async listPods() {
      const rows = await store.read({ sql: "SELECT key, value FROM meta WHERE type = 'pod' ORDER BY key" });
      return rows.map(parse).filter((pod) => pod !== undefined) as unknown as readonly Pod[];
    },

    async getReferenced(type, namespace, name) {
      const resource = resourcePath(type, namespace, name);
      const have = await stored(resource);
      if (have !== undefined) return have;
      const answer = await ask({ operation: OPERATIONS.query, resource, content: null });
      if (answer === undefined) return undefined;
      await store.write([storeAnswer(resource, answer.object)]);
      await answer.acknowledge();
      return answer.object;
    },

    getToken: (namespace, serviceAccount, request) => tokens.get(namespace, serviceAccount, request),

    async createNode(node) {
      const resource = resourcePath('node', undefined, node.metadata.name);
      const answer = await ask({ operation: OPERATIONS.insert, resource, content: node });
      const created = { ...answer?.object, apiVersion: 'v1', kind: 'Node' } as unknown as Node;
      await store.write([upsertMeta(resource, 'node', JSON.stringify(created))]);
      await answer?.acknowledge();
      return created;
    },

    getNode: async (name) =>
      (await stored(resourcePath('node', undefined, name))) as unknown as Node | undefined,

    getLease: (name) => askLease(OPERATIONS.query, name, null),

    async putLease(lease) {
      const operation = lease.metadata.resourceVersion ? OPERATIONS.update : OPERATIONS.insert;
      // Only a query may find nothing.
      return (await askLease(operation, lease.metadata.name, lease)) as Lease;
    },

    reportPodStatus: (pod, status) => outbox.report({ kind: 'pod', ...pod }, status),
    reportNodeStatus: (node, status) => outbox.report(nodeObject(node), status),
    deletePod: (pod) => outbox.remove({ kind: 'pod', ...pod }),
    forgetTokens: (podUid) => tokens.forget(podUid),
  };
}

interface Asked {
  readonly object: KubeObject & UnknownObject;
  readonly acknowledge: () => Promise<void>;
}
