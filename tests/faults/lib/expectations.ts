import assert from 'node:assert/strict';
import { configMaps, type Pod, pods } from '@kubeedge-ts/apis';
import type { FaultBed } from './fault-bed.ts';

/**
 * Waits until edge, runtime and API say the same. Containers have been restarted as often as `exits` says by the pod's
 * uid, others never; without it restarts are not looked at.
 */
export async function settled(bed: FaultBed, exits?: ReadonlyMap<string, number>): Promise<void> {
  const { kube, runtime } = bed;
  await bed.until('the edge has what the API wants', async () => {
    assert.deepEqual(Object.fromEntries(bed.rows() ?? []), await wanted(bed));
    return true;
  });
  await bed.until('the runtime runs the pods of the API, and the API knows', async () => {
    const { items } = await kube.list(pods, {});
    const containers = [...runtime.runtime.containers.values()].filter(({ isRunning }) => isRunning);
    assert.deepEqual(
      containers.map(({ config }) => config.labels?.['io.kubernetes.pod.uid']).sort(),
      items.map(({ metadata }) => metadata.uid).sort(),
    );
    for (const { metadata, status } of items) {
      const [container] = status?.containerStatuses ?? [];
      assert.equal(status?.phase, 'Running', metadata.name);
      assert.ok(container?.state?.running, metadata.name);
      if (exits === undefined) continue;
      assert.equal(
        container.restartCount,
        exits.get(metadata.uid ?? '') ?? 0,
        `restarts of ${metadata.name}`,
      );
    }
    return true;
  });
}

/** The node's pods and the ConfigMaps they refer to, as rows of the edge. */
async function wanted({ kube, nodeName }: FaultBed): Promise<object> {
  const bound = (await kube.list(pods, {})).items.filter(({ spec }) => spec?.nodeName === nodeName);
  const referenced = new Set(bound.flatMap(configsOf));
  const configs = (await kube.list(configMaps, { namespace: 'default' })).items.filter(({ metadata }) =>
    referenced.has(metadata.name),
  );
  return Object.fromEntries([
    ...bound.map(({ metadata }) => [`default/pod/${metadata.name}`, { uid: metadata.uid, count: 0 }]),
    ...configs.map(({ metadata, data }) => [
      `default/configmap/${metadata.name}`,
      { uid: metadata.uid, count: Number(data?.['count'] ?? 0) },
    ]),
  ]);
}

function configsOf({ spec }: Pod): string[] {
  return (spec?.volumes ?? []).flatMap(({ configMap }) => configMap?.name ?? []);
}
