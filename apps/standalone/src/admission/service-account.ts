import type { UnknownObject } from '@kubeedge-ts/apis';
import { records } from '../registry/pod-defaults.ts';
import type { JsonObject, StrategyContext } from '../registry/types.ts';
import { forbidden } from '../rest/api-error.ts';
import { randomSuffix } from '../rest/metadata.ts';

const PODS = { group: '', plural: 'pods' };
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** One hour and a margin, so that kubelets refresh before clients that count on an hour. */
const TOKEN_SECONDS = 3607;
const VOLUME_PREFIX = 'kube-api-access-';

/** Gives a pod its service account, that account's pull secrets, and the volume with its token. */
export function admitServiceAccount(pod: UnknownObject, { store, random }: StrategyContext): void {
  if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return;
  const spec = pod['spec'] as JsonObject;
  const name = String(spec['serviceAccountName'] ?? '') || 'default';
  Object.assign(spec, { serviceAccountName: name, serviceAccount: name });
  const namespace = pod.metadata.namespace ?? '';
  const account = store.get({ resource: 'serviceaccounts', namespace, name });
  if (account === undefined) {
    throw forbidden(
      PODS,
      pod.metadata.name,
      `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
    );
  }
  const pullSecrets = records(account.object['imagePullSecrets']);
  if (records(spec['imagePullSecrets']).length === 0 && pullSecrets.length > 0) {
    spec['imagePullSecrets'] = structuredClone(pullSecrets);
  }
  const automount = spec['automountServiceAccountToken'] ?? account.object['automountServiceAccountToken'];
  if (automount !== false) mountToken(spec, `${VOLUME_PREFIX}${randomSuffix(random)}`);
}

function mountToken(spec: JsonObject, fresh: string): void {
  const volumes = records(spec['volumes']);
  const existing = volumes.find((volume) => String(volume['name']).startsWith(VOLUME_PREFIX));
  const name = String(existing?.['name'] ?? fresh);
  const containers = [...records(spec['containers']), ...records(spec['initContainers'])];
  const without = containers.filter(
    (container) => !records(container['volumeMounts']).some((mount) => mount['mountPath'] === TOKEN_PATH),
  );
  for (const container of without) {
    container['volumeMounts'] = [
      ...records(container['volumeMounts']),
      { name, readOnly: true, mountPath: TOKEN_PATH },
    ];
  }
  if (existing === undefined && without.length > 0) spec['volumes'] = [...volumes, tokenVolume(name)];
}

function tokenVolume(name: string): JsonObject {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}
