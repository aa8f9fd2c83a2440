import {
  configMaps,
  deviceModels,
  devices,
  type KubeObject,
  leases,
  nodes,
  type ObjectSync,
  objectSyncs,
  pods,
  type ReplicaSet,
  type Resource,
  replicaSets,
  secrets,
  type UnknownObject,
} from '@kubeedge-ts/apis';
import { createKubeClient, isAlreadyExists, type KubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock as clock } from '@kubeedge-ts/runtime';
import { until } from '@kubeedge-ts/testing/site';
import { fromCloud, NODE, objectOf, recorded, title } from './recorded.ts';

/** A real API server holding what the recorded one held. The uids are its own: `rename` and `restore` translate. */
export interface RecordedCluster {
  readonly client: KubeClient;
  /** The state the recorded edge found when it connected. */
  preload(): Promise<void>;
  /** Creates the recorded objects of these titles, as kubectl did while the recording ran. */
  create(...titles: readonly string[]): Promise<void>;
  /** Recorded uids in a text → ours. */
  rename(text: string): string;
  /** Our uid → the recorded one. */
  restore(uid: string): string;
}

const RESOURCES: Readonly<Record<string, Resource<KubeObject>>> = {
  Pod: pods,
  Node: nodes,
  Lease: leases,
  ConfigMap: configMaps,
  Secret: secrets,
  Device: devices,
  DeviceModel: deviceModels,
};
const WEB_PODS = ['update default/pod/web-6564b7f7-8f7ph', 'update default/pod/web-6564b7f7-w29bj'];
const STALE: readonly (readonly [title: string, apiVersion: string, kind: string])[] = [
  ['delete default/pod/demo', 'v1', 'Pod'],
  ['delete default/devicemodel/thermo-model', 'devices.kubeedge.io/v1beta1', 'DeviceModel'],
  ['delete default/device/thermo-1', 'devices.kubeedge.io/v1beta1', 'Device'],
];

export async function recordedCluster(kubeconfig: string): Promise<RecordedCluster> {
  const config = await loadKubeconfig({ path: kubeconfig, env: {} }, { clock });
  const client = createKubeClient(config, { clock, userAgent: 'recorded-cluster' });
  const ours = new Map<string, string>();
  const theirs = new Map<string, string>();
  const rename = (text: string): string => {
    let renamed = text;
    for (const [from, to] of ours) renamed = renamed.replaceAll(from, to);
    return renamed;
  };
  const paired = (theirUid = '', ourUid = ''): void => {
    ours.set(theirUid, ourUid);
    theirs.set(ourUid, theirUid);
  };

  /** What a client would send for this object to exist: without what the server makes. */
  const put = async (object: UnknownObject, withStatus: boolean): Promise<void> => {
    const resource = RESOURCES[object.kind ?? ''];
    if (resource === undefined) throw new Error(`no resource for ${object.kind}`);
    const { uid, resourceVersion, creationTimestamp, generation, managedFields, ...metadata } =
      object.metadata;
    const { status, ...rest } = JSON.parse(rename(JSON.stringify({ ...object, metadata })));
    // Owners come later, by adoption: an owner that does not exist would have the pod collected.
    if (object.kind === 'Pod') delete rest.metadata.ownerReferences;
    const key = { name: metadata.name, namespace: metadata.namespace };
    let created: KubeObject;
    try {
      created = await client.create(resource, rest);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      created = await client.get(resource, key);
    }
    paired(uid, created.metadata.uid);
    if (!withStatus) return;
    await client.patch(resource, key, { type: 'merge', body: { status } }, { subresource: 'status' });
  };

  /** The pods of the recorded Deployment get their owner back. */
  const adopt = async (): Promise<void> => {
    const pod = objectOf(recorded(WEB_PODS[0] ?? ''));
    const owner = pod.metadata.ownerReferences?.[0];
    const { labels = {}, namespace } = pod.metadata;
    const set: ReplicaSet = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: owner?.name ?? '', namespace, labels },
      spec: {
        replicas: WEB_PODS.length,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'web', image: 'docker.io/library/busybox:1' }] },
        },
      },
    };
    const created = await client.create(replicaSets, set);
    paired(owner?.uid, created.metadata.uid);
    for (const one of WEB_PODS) {
      const { name } = objectOf(recorded(one)).metadata;
      await until(
        `${name} is adopted`,
        async () =>
          (await client.get(pods, { namespace, name })).metadata.ownerReferences?.[0]?.uid ===
          created.metadata.uid,
        { timeoutMs: 10_000 },
      );
    }
  };

  const confirmed = async (
    uid: string,
    spec: ObjectSync['spec'],
    objectResourceVersion: string,
  ): Promise<void> => {
    const key = { namespace: 'default', name: `${NODE}.${uid}` };
    await client.create(objectSyncs, { metadata: key, spec });
    const body = { status: { objectResourceVersion } };
    await client.patch(objectSyncs, key, { type: 'merge', body }, { subresource: 'status' });
  };

  return {
    client,
    async preload() {
      await put(objectOf(recorded(`update null/node/${NODE}`)), true);
      const lease = recorded(`response kube-node-lease/lease/${NODE}`).content as { Object: UnknownObject };
      await put(lease.Object, false);
      for (const name of ['kube-root-ca.crt', 'openshift-service-ca.crt']) {
        await put(objectOf(recorded(`response default/configmap/${name}`)), false);
      }
      for (const one of WEB_PODS) await put(objectOf(recorded(one)), true);
      await adopt();
      // Upstream had served this node before: its records are there, older ones, also of objects that are gone.
      for (const one of WEB_PODS) {
        const { name, uid = '' } = objectOf(recorded(one)).metadata;
        const spec = { objectAPIVersion: 'v1', objectKind: 'Pod', objectName: name };
        await confirmed(rename(uid), spec, '1');
      }
      for (const [one, objectAPIVersion, objectKind] of STALE) {
        const { name, uid = '' } = objectOf(recorded(one)).metadata;
        await confirmed(uid, { objectAPIVersion, objectKind, objectName: name }, '9');
      }
    },
    async create(...titles) {
      for (const one of titles) {
        const found = fromCloud.find((message) => title(message) === one);
        if (found === undefined) throw new Error(`not in the recording: ${one}`);
        await put(objectOf(found), false);
      }
    },
    rename,
    restore: (uid) => theirs.get(uid) ?? uid,
  };
}
