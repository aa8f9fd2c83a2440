import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CriClient } from '@kubeedge-ts/cri';
import { criErrors } from '@kubeedge-ts/errors';
import { silentLogger } from '@kubeedge-ts/runtime';
import { manualClock } from '../testing/manual-clock.ts';
import { configFromStatus, createRuntimeWatch } from './runtime-info.ts';

const containerd = (systemdCgroup: boolean, more: object = {}) => ({
  config: JSON.stringify({
    containerd: {
      defaultRuntimeName: 'runc',
      runtimes: { runc: { runtimeType: 'io.containerd.runc.v2', options: { SystemdCgroup: systemdCgroup } } },
    },
    ...more,
  }),
});

describe('the cgroup driver in a verbose status', () => {
  test('containerd: of its default runtime, or of all', () => {
    assert.equal(configFromStatus({ info: containerd(true) }).cgroupDriver, 'systemd');
    assert.equal(configFromStatus({ info: containerd(false) }).cgroupDriver, 'cgroupfs');
    assert.equal(
      configFromStatus({ info: containerd(false, { systemdCgroup: true }) }).cgroupDriver,
      'systemd',
    );
  });
  test('CRI-O: says nothing there (recorded shape: the pause image only)', () => {
    const info = { config: JSON.stringify({ sandboxImage: 'registry.k8s.io/pause:3.10' }) };
    assert.equal(configFromStatus({ info }).cgroupDriver, undefined);
  });
  test('anything else: unknown', () => {
    assert.equal(configFromStatus({ info: {} }).cgroupDriver, undefined);
    for (const config of [
      '',
      'null',
      '[]',
      '7',
      '{',
      '{"containerd":null}',
      '{"containerd":{"runtimes":[]}}',
    ]) {
      assert.equal(configFromStatus({ info: { config } }).cgroupDriver, undefined, config);
    }
  });
});

describe('what is known of the runtime', () => {
  const unimplemented = () => {
    throw criErrors.create('CRI_FAILED', {
      method: 'RuntimeConfig',
      grpcCode: 12,
      problem: 'unknown method',
    });
  };
  const conditions = [
    { type: 'RuntimeReady', status: true, reason: '', message: '' },
    { type: 'NetworkReady', status: true, reason: '', message: '' },
  ];
  const watch = async (answers: { runtimeConfig: () => object; status: object }) => {
    const cri = {
      version: async () => ({ runtimeName: 'cri-o', runtimeVersion: '1.31.0' }),
      runtimeConfig: async () => answers.runtimeConfig(),
      status: async () => ({ status: { conditions }, info: {}, runtimeHandlers: [], ...answers.status }),
    } as unknown as CriClient;
    const it = createRuntimeWatch(cri, manualClock(), silentLogger);
    assert.ok(await it.check(new AbortController().signal));
    return it.info;
  };

  test('RuntimeConfig tells the driver (CRI-O since 1.28, containerd since 2.0)', async () => {
    const of = async (cgroupDriver: number) =>
      (await watch({ runtimeConfig: () => ({ linux: { cgroupDriver } }), status: {} })).cgroupDriver;
    assert.equal(await of(0), 'systemd');
    assert.equal(await of(1), 'cgroupfs');
  });
  test('without that call the verbose status does; without either nothing is assumed', async () => {
    const old = await watch({ runtimeConfig: unimplemented, status: { info: containerd(true) } });
    assert.equal(old.cgroupDriver, 'systemd');
    assert.equal((await watch({ runtimeConfig: unimplemented, status: {} })).cgroupDriver, undefined);
  });
  test('handlers and features, as the newest status has them', async () => {
    const runtimeHandlers = [{ name: '', features: { userNamespaces: true, recursiveReadOnlyMounts: true } }];
    const features = { supplementalGroupsPolicy: true };
    const info = await watch({
      runtimeConfig: () => ({ linux: { cgroupDriver: 0 } }),
      status: { runtimeHandlers, features },
    });
    assert.deepEqual([info.handlers, info.features], [runtimeHandlers, features]);
    assert.equal(info.runtimeProblem, undefined);
  });
});
