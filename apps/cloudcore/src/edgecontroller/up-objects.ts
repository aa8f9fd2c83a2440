import {
  apiVersionOf,
  configMaps,
  type KubeObject,
  type Lease,
  leases,
  type Message,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type Resource,
  type ResourcePath,
  secrets,
  serviceAccounts,
  type TokenRequest,
} from '@kubeedge-ts/apis';
import { isNotFound, type ObjectKey } from '@kubeedge-ts/kube';
import { forbidden, notFound, statusFor, typed, untyped } from '../controllers/answers.ts';
import { mayRead } from './authorize.ts';
import type { UpHandler, UpPorts } from './up-context.ts';

export interface ObjectHandlers {
  readonly lease: UpHandler<'up.lease'>;
  readonly query: UpHandler<'up.query'>;
  readonly token: UpHandler<'up.token'>;
  readonly csr: UpHandler<'up.csr-insert'>;
}

const define = (group: string, plural: string, kind: string, namespaced: boolean): Resource<KubeObject> => ({
  group,
  version: 'v1',
  plural,
  kind,
  namespaced,
});
const signingRequests = define(
  'certificates.k8s.io',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  false,
);

/** What a node may query, by the type token of the message. */
const QUERIED: Readonly<Record<string, Resource<KubeObject>>> = {
  configmap: configMaps,
  secret: secrets,
  lease: leases,
  pod: pods,
  persistentvolume: persistentVolumes,
  persistentvolumeclaim: persistentVolumeClaims,
  volumeattachment: define('storage.k8s.io', 'volumeattachments', 'VolumeAttachment', false),
  runtimeclass: define('node.k8s.io', 'runtimeclasses', 'RuntimeClass', false),
  csidriver: define('storage.k8s.io', 'csidrivers', 'CSIDriver', false),
  certificatesigningrequest: signingRequests,
};

/** Leases, queries, tokens and signing requests (spec/message-protocol.md §3.2). */
export function createObjectHandlers({ kube, caches, answers, log }: UpPorts): ObjectHandlers {
  /** From the cache where it is kept current, else from the API. */
  const readObject = async (path: ResourcePath, signal: AbortSignal): Promise<KubeObject> => {
    const resource = QUERIED[path.type]!;
    const key = keyOf(path);
    if (path.type === 'configmap' || path.type === 'secret') {
      const cached = caches.config(path.type, key);
      if (cached.state === 'present') return JSON.parse(cached.content.json.toString()) as KubeObject;
    }
    const object = await kube.get(resource, key, { signal });
    return typed(object, resource.kind, apiVersionOf(resource));
  };

  return {
    async lease({ routed, signal }) {
      const { message, path } = routed;
      const lease = message.content as unknown as Lease;
      const { managedFields: _fields, ...metadata } = lease.metadata;
      const body: Lease = {
        ...lease,
        apiVersion: apiVersionOf(leases),
        kind: 'Lease',
        metadata: { ...metadata, namespace: path.namespace },
      };
      const written =
        message.route.operation === 'insert'
          ? await kube.create(leases, body, { signal })
          : await kube.update(leases, body, { signal });
      return answers.response(message, untyped(written));
    },

    async query({ node, routed, pods: own, signal }): Promise<Message> {
      const { message, path } = routed;
      try {
        const object = await readObject(path, signal);
        const verdict = mayRead(node, path.type, object, own);
        if (!verdict.allow) {
          log.warn(
            { node, resource: message.route.resource, reason: verdict.reason },
            'access of node denied',
          );
          return answers.refused(message, forbidden(path.type, path.name, verdict.reason));
        }
        return path.type === 'lease' ? answers.response(message, object) : answers.object(message, object);
      } catch (error) {
        const status = isNotFound(error) ? notFound(path.type, path.name) : statusFor(error);
        return path.type === 'lease'
          ? answers.refusedResponse(message, status)
          : answers.refused(message, status);
      }
    },

    async token({ routed, signal }) {
      const { message, path } = routed;
      const { audiences, expirationSeconds, boundObjectRef } = message.content.spec;
      const body: TokenRequest = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audiences ?? [],
          ...(expirationSeconds ? { expirationSeconds } : {}),
          ...(boundObjectRef ? { boundObjectRef } : {}),
        },
      };
      const key = keyOf(path);
      const issued = await kube.createSubresource(serviceAccounts, key, 'token', body, { signal });
      return answers.object(message, {
        ...issued,
        metadata: { ...issued.metadata, name: path.name, namespace: path.namespace },
      } as KubeObject);
    },

    async csr({ node, routed, signal }) {
      const { message, path } = routed;
      const { spec } = message.content;
      const body = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: signingRequests.kind,
        metadata: { name: path.name },
        spec,
      } as KubeObject;
      // The API server notes who asks, and signers decide by that.
      const impersonate = {
        user: `system:node:${node}`,
        groups: ['system:nodes', 'system:authenticated'],
      };
      const created = await kube.create(signingRequests, body, { signal, impersonate });
      return answers.response(message, untyped(created));
    },
  };
}

function keyOf({ type, namespace, name }: ResourcePath): ObjectKey {
  return QUERIED[type]?.namespaced === false ? { name } : { namespace, name };
}
