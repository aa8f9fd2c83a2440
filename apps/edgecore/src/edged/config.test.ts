import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EDGECORE_USED, parseEdgeCoreConfig } from '@kubeedge-ts/apis/config';
import { edgedConfigOf } from './config.ts';

/** Hands out the fields of an object and writes down which were asked for. */
function watched<T extends object>(object: T, path: string, seen: Set<string>): T {
  return new Proxy(object, {
    get(target, name) {
      if (typeof name === 'string') seen.add(`${path}.${name}`);
      return Reflect.get(target, name);
    },
  });
}

test('no field that edged acts on is said to have no effect', async () => {
  const { config } = await parseEdgeCoreConfig('', 'edgecore.yaml', { hostname: 'edge-a' });
  const seen = new Set<string>();
  const { edged } = config.modules;
  const kubelet = watched(edged.tailoredKubeletConfig, 'modules.edged.tailoredKubeletConfig', seen);
  edgedConfigOf({
    ...config,
    modules: {
      ...config.modules,
      edged: watched({ ...edged, tailoredKubeletConfig: kubelet }, 'modules.edged', seen),
    },
  });
  seen.delete('modules.edged.tailoredKubeletConfig');
  const used: readonly string[] = EDGECORE_USED;
  assert.deepEqual(
    [...seen].filter((field) => !used.includes(field)),
    [],
  );
});

const kubelet = async (yaml: string) => {
  const text = `modules:\n  edged:\n    tailoredKubeletConfig:\n      ${yaml.split('\n').join('\n      ')}\n`;
  const { config } = await parseEdgeCoreConfig(text, 'edgecore.yaml', { hostname: 'edge-a' });
  return edgedConfigOf(config);
};

test('images are pulled one after the other unless the configuration says otherwise', async () => {
  assert.deepEqual((await kubelet('maxPods: 110')).imagePulls, { parallel: 1, perSecond: 5, burst: 10 });
  const any = await kubelet('serializeImagePulls: false\nregistryPullQPS: 0');
  assert.deepEqual(any.imagePulls, { parallel: Number.POSITIVE_INFINITY, perSecond: 0, burst: 10 });
  const some = await kubelet('serializeImagePulls: false\nmaxParallelImagePulls: 3');
  assert.equal(some.imagePulls.parallel, 3);
});

test('another CFS period needs its gate', async () => {
  assert.equal((await kubelet('cpuCFSQuotaPeriod: 20ms')).cpuPeriodUs, 100_000);
  const gated = await kubelet('cpuCFSQuotaPeriod: 20ms\nfeatureGates:\n  CPUCFSQuotaPeriod: true');
  assert.equal(gated.cpuPeriodUs, 20_000);
});

test('ids per user namespace are whole ranges, else the least', async () => {
  const ids = async (yaml: string) => (await kubelet(yaml)).idsPerPod;
  assert.equal(await ids('maxPods: 110'), 65_536);
  assert.equal(await ids('userNamespaces:\n  idsPerPod: 131072'), 131_072);
  for (const odd of ['1000', '65537', 'x', '-65536']) {
    assert.equal(await ids(`userNamespaces:\n  idsPerPod: ${odd}`), 65_536, odd);
  }
});
