import type { Container, Pod, PodSpec } from '@kubeedge-ts/apis';

/** Names, in the pod's namespace, of what a pod needs from the API. */
export interface PodReferences {
  readonly configmaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly persistentVolumeClaims: ReadonlySet<string>;
  readonly serviceAccount: string;
}

type Volume = NonNullable<PodSpec['volumes']>[number];

const known = new WeakMap<Pod, PodReferences>();

/** What a pod refers to by volumes, projections, environment and pull secrets (spec/message-protocol.md §3.1). */
export function referencesOf(pod: Pod): PodReferences {
  const cached = known.get(pod);
  if (cached !== undefined) return cached;
  const references = collect(pod);
  known.set(pod, references);
  return references;
}

function collect(pod: Pod): PodReferences {
  const configmaps = new Set<string>();
  const secrets = new Set<string>();
  const claims = new Set<string>();
  const { spec } = pod;
  for (const { name } of spec?.imagePullSecrets ?? []) add(secrets, name);
  for (const volume of spec?.volumes ?? []) {
    add(configmaps, volume.configMap?.name);
    for (const name of volumeSecrets(volume)) add(secrets, name);
    for (const source of volume.projected?.sources ?? []) {
      add(configmaps, source.configMap?.name);
      add(secrets, source.secret?.name);
    }
    add(claims, volume.persistentVolumeClaim?.claimName);
    if (volume.ephemeral) claims.add(`${pod.metadata.name}-${volume.name}`);
  }
  const containers = [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...((spec?.ephemeralContainers ?? []) as Container[]),
  ];
  for (const container of containers) {
    for (const source of container.envFrom ?? []) {
      add(configmaps, source.configMapRef?.name);
      add(secrets, source.secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add(configmaps, valueFrom?.configMapKeyRef?.name);
      add(secrets, valueFrom?.secretKeyRef?.name);
    }
  }
  return {
    configmaps,
    secrets,
    persistentVolumeClaims: claims,
    serviceAccount: spec?.serviceAccountName || 'default',
  };
}

/** Secrets a volume of any kind may name; a kubelet reads all of them. */
function volumeSecrets(volume: Volume): (string | undefined)[] {
  return [
    volume.secret?.secretName,
    volume.azureFile?.secretName,
    volume.cephfs?.secretRef?.name,
    volume.cinder?.secretRef?.name,
    volume.csi?.nodePublishSecretRef?.name,
    volume.flexVolume?.secretRef?.name,
    volume.iscsi?.secretRef?.name,
    volume.rbd?.secretRef?.name,
    volume.scaleIO?.secretRef?.name,
    volume.storageos?.secretRef?.name,
  ];
}

function add(names: Set<string>, name: string | undefined): void {
  if (name) names.add(name);
}
