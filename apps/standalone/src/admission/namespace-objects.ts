import type { UnknownObject } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { StrategyContext } from '../registry/types.ts';

export const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt';
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/**
 * A namespace is born with its default service account and the cluster's CA, so that the first pod in it needs no
 * retry. The CA is copied from kube-system, where the server puts it when it starts.
 */
export function createInitialNamespaceObjects(namespace: UnknownObject, context: StrategyContext): void {
  const name = namespace.metadata.name;
  create(context, 'serviceaccounts', name, { kind: 'ServiceAccount', name: 'default' });
  const ca = context.store.get({
    resource: 'configmaps',
    namespace: 'kube-system',
    name: ROOT_CA_CONFIG_MAP,
  });
  if (ca !== undefined) createRootCa(context, name, ca.object['data']);
}

/** Writes the CA ConfigMap of a namespace unless it is there. */
export function createRootCa(context: StrategyContext, namespace: string, data: unknown): void {
  create(context, 'configmaps', namespace, {
    kind: 'ConfigMap',
    name: ROOT_CA_CONFIG_MAP,
    annotations: { 'kubernetes.io/description': DESCRIPTION },
    content: { data },
    fields: {
      'f:data': { '.': {}, 'f:ca.crt': {} },
      'f:metadata': { 'f:annotations': { '.': {}, 'f:kubernetes.io/description': {} } },
    },
  });
}

interface NewObject {
  readonly kind: string;
  readonly name: string;
  readonly annotations?: Record<string, string>;
  readonly content?: Record<string, unknown>;
  readonly fields?: Record<string, unknown>;
}

function create(context: StrategyContext, resource: string, namespace: string, wanted: NewObject): void {
  const time = rfc3339(context.clock.now());
  context.store.create(
    { resource, namespace, name: wanted.name },
    {
      kind: wanted.kind,
      apiVersion: 'v1',
      metadata: {
        name: wanted.name,
        namespace,
        uid: context.random.uuid(),
        creationTimestamp: time,
        ...(wanted.annotations && { annotations: wanted.annotations }),
        ...(wanted.fields && {
          managedFields: [
            {
              manager: 'kube-controller-manager',
              operation: 'Update',
              apiVersion: 'v1',
              time,
              fieldsType: 'FieldsV1',
              fieldsV1: wanted.fields,
            },
          ],
        }),
      },
      ...wanted.content,
    },
  );
}
