import type { Pod } from '@kubeedge-ts/apis';
import { allContainersOf } from './spec.ts';

export type ReferenceKey = `configmap/${string}` | `secret/${string}`;

/** The ConfigMaps and Secrets a pod refers to, in its own namespace. */
export interface References {
  readonly volumes: ReadonlySet<string>;
  readonly all: ReadonlySet<string>;
}

export function referencesOf(pod: Pod): References {
  const volumes = new Set<string>();
  const all = new Set<string>();
  const add = (set: Set<string>, type: 'configmap' | 'secret', name: string | undefined): void => {
    if (name !== undefined) set.add(`${type}/${name}`);
  };
  for (const { configMap, secret, projected } of pod.spec?.volumes ?? []) {
    add(volumes, 'configmap', configMap?.name);
    add(volumes, 'secret', secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add(volumes, 'configmap', source.configMap?.name);
      add(volumes, 'secret', source.secret?.name);
    }
  }
  for (const { envFrom, env } of allContainersOf(pod)) {
    for (const source of envFrom ?? []) {
      add(all, 'configmap', source.configMapRef?.name);
      add(all, 'secret', source.secretRef?.name);
    }
    for (const { valueFrom } of env ?? []) {
      add(all, 'configmap', valueFrom?.configMapKeyRef?.name);
      add(all, 'secret', valueFrom?.secretKeyRef?.name);
    }
  }
  for (const { name } of pod.spec?.imagePullSecrets ?? []) add(all, 'secret', name);
  for (const key of volumes) all.add(key);
  return { volumes, all };
}

/** Volumes whose content may change while the pod runs, by the API or because their driver wants it. */
export function hasLivingVolumes(pod: Pod): boolean {
  return (pod.spec?.volumes ?? []).some(
    ({ configMap, secret, projected, downwardAPI, csi, ephemeral, persistentVolumeClaim }) =>
      configMap ?? secret ?? projected ?? downwardAPI ?? csi ?? ephemeral ?? persistentVolumeClaim,
  );
}
