import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CHECKPOINT_FILE,
  decodeCheckpoint,
  encodeCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoint.ts';

/** Written by the kubelet's own code (v1.32.10). */
const FROM_UPSTREAM = {
  nothing: '{"Data":{"PodDeviceEntries":null,"RegisteredDevices":null},"Checksum":1944006890}',
  empty: '{"Data":{"PodDeviceEntries":[],"RegisteredDevices":{}},"Checksum":2932075448}',
  one: '{"Data":{"PodDeviceEntries":[{"PodUID":"u1","ContainerName":"main","ResourceName":"vendor.example/dev","DeviceIDs":{"-1":["a","b"]},"AllocResp":"CgMBAv8="}],"RegisteredDevices":{"other.example/x":[],"vendor.example/dev":["a","b","c"]}},"Checksum":3544173040}',
  odd: '{"Data":{"PodDeviceEntries":[{"PodUID":"u1","ContainerName":"main","ResourceName":"vendor.example/dev","DeviceIDs":{"-1":["z"],"0":["a"],"10":["d"],"2":["b\\"q\\\\ü\\n"]},"AllocResp":null},{"PodUID":"u2","ContainerName":"c2","ResourceName":"r/x","DeviceIDs":{},"AllocResp":""}],"RegisteredDevices":{"a/a":null,"b/b":["1"]}},"Checksum":3400340389}',
};

test('checkpoints of an upstream kubelet are read, and ours are the same byte for byte', () => {
  for (const text of Object.values(FROM_UPSTREAM)) decodeCheckpoint(text);
  const one = decodeCheckpoint(FROM_UPSTREAM.one);
  assert.deepEqual(one.entries[0], {
    podUid: 'u1',
    container: 'main',
    resource: 'vendor.example/dev',
    devices: { '-1': ['a', 'b'] },
    response: Buffer.from([10, 3, 1, 2, 255]),
  });
  assert.equal(encodeCheckpoint(one), FROM_UPSTREAM.one);
  assert.equal(encodeCheckpoint({ entries: [], registered: {} }), FROM_UPSTREAM.empty);
  assert.deepEqual(decodeCheckpoint(FROM_UPSTREAM.odd).entries[0]?.devices, {
    '-1': ['z'],
    '0': ['a'],
    '2': ['b"q\\ü\n'],
    '10': ['d'],
  });
});

test('a checkpoint that was changed or is none is refused', () => {
  assert.throws(() => decodeCheckpoint(FROM_UPSTREAM.one.replace('"a","b"]}', '"a"]}')), /its checksum is/);
  for (const text of [
    '',
    'null',
    '[]',
    '{}',
    '{"Data":{"PodDeviceEntries":{}}}',
    '{"Data":{"PodDeviceEntries":[1]}}',
  ]) {
    assert.throws(() => decodeCheckpoint(text), text);
  }
});

test('it is written whole or not at all', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'kets-ckpt-'));
  assert.equal(await readCheckpoint(dir), undefined);
  const one = decodeCheckpoint(FROM_UPSTREAM.one);
  await writeCheckpoint(dir, one);
  await writeCheckpoint(dir, one);
  assert.deepEqual(await readdir(dir), [CHECKPOINT_FILE]);
  assert.equal((await readCheckpoint(dir))?.entries.length, 1);
  await writeFile(join(dir, CHECKPOINT_FILE), '{"Da');
  await assert.rejects(readCheckpoint(dir));
  await rm(dir, { recursive: true });
});
