import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type CsiNodeClient, createCsiNodeClient } from '@kubeedge-ts/kubelet-plugins/csi';
import {
  createDevicePluginClient,
  serveDeviceRegistration,
} from '@kubeedge-ts/kubelet-plugins/device-plugin';
import { grpcHealthCheck } from '@kubeedge-ts/kubelet-plugins/health';
import { createPluginRegistrationClient } from '@kubeedge-ts/kubelet-plugins/plugin-registration';
import { systemClock as clock } from '@kubeedge-ts/runtime';
import { type FakeCsiDriver, startFakeCsiDriver, startFakeDevicePlugin, startHealthServer } from './index.ts';

let root: string;
const failsWith = (grpcCode: string) => (error: unknown) =>
  isKubeEdgeError(error, 'GRPC_FAILED') && error.details['grpcCode'] === grpcCode;
const isUnavailable = (error: unknown): boolean => isKubeEdgeError(error, 'GRPC_UNAVAILABLE');

describe('fakes of plugins', () => {
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kets-kubelet-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  describe('the CSI driver', () => {
    let driver: FakeCsiDriver;
    let client: CsiNodeClient;
    beforeEach(async () => {
      driver = await startFakeCsiDriver({
        name: 'csi.example.com',
        registry: join(root, 'plugins_registry'),
        mounting: 'files',
      });
      const [socket = ''] = await readdir(join(root, 'plugins_registry'));
      const registrar = createPluginRegistrationClient(join(root, 'plugins_registry', socket), { clock });
      const info = await registrar.getInfo({});
      assert.deepEqual([info.type, info.name], ['CSIPlugin', 'csi.example.com']);
      await registrar.notifyRegistrationStatus({ pluginRegistered: true });
      registrar.close();
      client = createCsiNodeClient(info.endpoint, { clock, timeoutMs: 2_000 });
    });
    afterEach(async () => {
      client.close();
      await driver.stop();
    });
    const paths = () => ({ stagingTargetPath: join(root, 'stage'), targetPath: join(root, 'target') });

    test('registers, stages, publishes, measures and takes it all back, and remembers the calls', async () => {
      assert.deepEqual(driver.told, [{ pluginRegistered: true, error: '' }]);
      assert.equal((await client.nodeGetInfo({})).nodeId, 'csi.example.com-node');
      assert.equal((await client.nodeGetCapabilities({})).capabilities[0]?.rpc?.type, 1);
      const volume = { volumeId: 'vol-1', ...paths() };
      await client.nodeStageVolume(volume);
      await client.nodePublishVolume(volume);
      assert.equal(await readFile(join(root, 'target/volume'), 'utf8'), 'vol-1');
      assert.equal((await client.nodeGetVolumeStats(volume)).usage[0]?.total, 1_000_000);
      await client.nodeUnpublishVolume(volume);
      await client.nodeUnpublishVolume(volume);
      await client.nodeUnstageVolume(volume);
      await assert.rejects(readFile(join(root, 'target/volume')), /ENOENT/);
      assert.deepEqual(
        driver.calls.map(({ call }) => call).filter((call) => call.includes('Volume')),
        [
          'nodeStageVolume',
          'nodePublishVolume',
          'nodeGetVolumeStats',
          'nodeUnpublishVolume',
          'nodeUnpublishVolume',
          'nodeUnstageVolume',
        ],
      );
    });

    test('fails with or without having done it, hangs, dies and comes back', async () => {
      const volume = { volumeId: 'vol-1', ...paths() };
      driver.fail('nodeStageVolume', { code: 'INTERNAL', details: 'no' }, 1);
      await assert.rejects(client.nodeStageVolume(volume), failsWith('INTERNAL'));
      await assert.rejects(readFile(join(root, 'stage/volume')), /ENOENT/);
      driver.fail('nodeStageVolume', { code: 'DEADLINE_EXCEEDED', details: 'late', done: true }, 1);
      await assert.rejects(client.nodeStageVolume(volume), failsWith('DEADLINE_EXCEEDED'));
      assert.equal(await readFile(join(root, 'stage/volume'), 'utf8'), 'vol-1');
      driver.hang('nodePublishVolume');
      await assert.rejects(
        client.nodePublishVolume(volume, { timeoutMs: 30 }),
        failsWith('DEADLINE_EXCEEDED'),
      );
      const patient = client.nodePublishVolume(volume);
      driver.heal();
      await patient;
      await driver.goAway();
      assert.deepEqual(await readdir(join(root, 'plugins_registry')), []);
      await assert.rejects(client.nodeGetInfo({}), isUnavailable);
      await driver.comeBack();
      await client.nodeGetInfo({});
    });
  });

  test('the device plugin registers, tells its devices whenever they change, and gives them out', async () => {
    const directory = join(root, 'device-plugins');
    await mkdir(directory);
    const registered: string[] = [];
    const kubelet = await serveDeviceRegistration(
      join(directory, 'kubelet.sock'),
      ({ endpoint }) => void registered.push(endpoint),
      { clock },
    );
    const plugin = await startFakeDevicePlugin({
      resourceName: 'example.com/device',
      devices: [
        { id: 'd0', numaNode: 0 },
        { id: 'd1', healthy: false },
      ],
      directory,
    });
    await plugin.register();
    const client = createDevicePluginClient(join(directory, registered[0] ?? ''), { clock });
    const lists = client.listAndWatch({});
    const next = async () =>
      ((await lists.next()).value?.devices ?? []).map(({ ID, health }) => [ID, health]);
    assert.deepEqual(await next(), [
      ['d0', 'Healthy'],
      ['d1', 'Unhealthy'],
    ]);
    plugin.setDevices([{ id: 'd0' }]);
    assert.deepEqual(await next(), [['d0', 'Healthy']]);
    const preferred = await client.getPreferredAllocation({
      containerRequests: [
        { availableDeviceIDs: ['a', 'b', 'c'], mustIncludeDeviceIDs: ['a'], allocationSize: 2 },
      ],
    });
    assert.deepEqual(preferred.containerResponses[0]?.deviceIDs, ['a', 'c']);
    const allocated = await client.allocate({ containerRequests: [{ devicesIds: ['d0'] }] });
    assert.deepEqual(allocated.containerResponses[0]?.envs, { DEVICES: 'd0' });
    plugin.fail('allocate', { code: 'RESOURCE_EXHAUSTED', details: 'none left' }, 1);
    await assert.rejects(client.allocate({}), failsWith('RESOURCE_EXHAUSTED'));
    await plugin.goAway();
    await assert.rejects(lists.next(), isUnavailable);
    client.close();
    await plugin.stop();
    await kubelet.close();
  });

  test('the health server says what it is told, and nothing when it hangs', async () => {
    const server = await startHealthServer();
    const check = (service = '', timeoutMs = 2_000) =>
      grpcHealthCheck({ host: '127.0.0.1', port: server.port, service, timeoutMs, clock });
    assert.equal(await check(), 'SERVING');
    server.statuses.set('ill', 'NOT_SERVING');
    assert.equal(await check('ill'), 'NOT_SERVING');
    await assert.rejects(check('none'), failsWith('NOT_FOUND'));
    server.hang = true;
    await assert.rejects(check('', 30), failsWith('DEADLINE_EXCEEDED'));
    assert.equal(server.checks, 4);
    await server.stop();
    await assert.rejects(check(), isUnavailable);
    const other = await startHealthServer({ service: false });
    await assert.rejects(
      grpcHealthCheck({ host: '127.0.0.1', port: other.port, timeoutMs: 2_000, clock }),
      failsWith('UNIMPLEMENTED'),
    );
    await other.stop();
  });
});
