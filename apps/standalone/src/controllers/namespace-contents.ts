import { type ConfigMap, configMaps, type Namespace, serviceAccounts } from '@kubeedge-ts/apis';
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '@kubeedge-ts/kube';
import type { Controller, ControllerPorts } from './context.ts';
import { type Informers, ROOT_CA_NAME } from './informers.ts';
import { createReconciler } from './reconciler.ts';

const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';
const DEFAULT_ACCOUNT = 'default';

/** Gives every namespace its ServiceAccount `default` and its ConfigMap `kube-root-ca.crt` (PEM). */
export function createNamespaceContents(
  ports: ControllerPorts,
  informers: Informers,
  rootCa: string,
): Controller {
  const { client } = ports;

  /** A namespace that is ending, or gone, needs nothing. */
  const ensure = async (write: () => Promise<unknown>): Promise<void> => {
    try {
      await write();
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error) && !isNotFound(error)) throw error;
    }
  };
  const reconcile = async (namespace: string): Promise<void> => {
    const found = informers.namespaces.get({ name: namespace });
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
    if (informers.serviceAccounts.get({ namespace, name: DEFAULT_ACCOUNT }) === undefined) {
      await ensure(() => client.create(serviceAccounts, { metadata: { namespace, name: DEFAULT_ACCOUNT } }));
    }
    const existing = informers.rootCas.get({ namespace, name: ROOT_CA_NAME });
    const annotations = { 'kubernetes.io/description': DESCRIPTION };
    if (existing === undefined) {
      const wanted: ConfigMap = {
        metadata: { namespace, name: ROOT_CA_NAME, annotations },
        data: { 'ca.crt': rootCa },
      };
      await ensure(() => client.create(configMaps, wanted));
    } else if (existing.data?.['ca.crt'] !== rootCa) {
      const body = { metadata: { annotations }, data: { 'ca.crt': rootCa } };
      await ensure(() =>
        client.patch(configMaps, { namespace, name: ROOT_CA_NAME }, { type: 'merge', body }),
      );
    }
  };

  const reconciler = createReconciler(
    {
      name: 'namespace-contents',
      needs: [informers.namespaces, informers.serviceAccounts, informers.rootCas],
      reconcile,
    },
    ports,
  );
  const look = (namespace: Namespace): void => reconciler.add(namespace.metadata.name);
  const lookInto = (object: { metadata: { namespace?: string } }): void =>
    reconciler.add(object.metadata.namespace ?? '');
  const unsubscribe = [
    informers.namespaces.subscribe({ added: look, updated: look }),
    informers.serviceAccounts.subscribe({ deleted: lookInto }),
    informers.rootCas.subscribe({ updated: lookInto, deleted: lookInto }),
  ];
  return {
    name: 'namespace-contents',
    idle: reconciler.idle,
    stop() {
      for (const end of unsubscribe) end();
      return reconciler.stop();
    },
  };
}
