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
