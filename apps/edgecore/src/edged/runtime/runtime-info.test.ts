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
  test('CRI-O: says nothing there (the form is from its sources: it is not to be had here)', () => {
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

  test('RuntimeConfig tells the driver (a fake: CRI-O has it since 1.28, containerd since 2.0)', async () => {
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
  test('handlers and features, as the newest status has them (a fake: containerd 1.6 tells none)', async () => {
    const runtimeHandlers = [{ name: '', features: { userNamespaces: true, recursiveReadOnlyMounts: true } }];
    const features = { supplementalGroupsPolicy: true };
    const info = await watch({
      runtimeConfig: () => ({ linux: { cgroupDriver: 0 } }),
      status: { runtimeHandlers, features },
    });
    assert.deepEqual([info.handlers, info.features], [runtimeHandlers, features]);
    assert.equal(info.runtimeProblem, undefined);
  });

  test('the addresses of pods: told once, again to a runtime that came back, and until it takes them', async () => {
    const seen: string[] = [];
    let refuse = false;
    let gone = false;
    const cri = {
      version: async () => ({ runtimeName: 'x', runtimeVersion: '1' }),
      runtimeConfig: async () => ({ linux: { cgroupDriver: 1 } }),
      status: async () => {
        if (gone) throw new Error('gone');
        return { status: { conditions }, info: {}, runtimeHandlers: [] };
      },
      updateRuntimeConfig: async (request: { runtimeConfig: { networkConfig: { podCidr: string } } }) => {
        seen.push(request.runtimeConfig.networkConfig.podCidr);
        if (refuse) throw new Error('not now');
        return {};
      },
    } as unknown as CriClient;
    const it = createRuntimeWatch(cri, manualClock(), silentLogger);
    const check = () => it.check(new AbortController().signal);
    await check();
    assert.deepEqual(seen, [], 'none were given');
    it.setPodCidr('10.1.0.0/24');
    await check();
    await check();
    assert.deepEqual(seen, ['10.1.0.0/24']);
    gone = true;
    await check();
    gone = false;
    refuse = true;
    assert.ok(await check(), 'it answers all the same');
    refuse = false;
    await check();
    await check();
    assert.deepEqual(seen, ['10.1.0.0/24', '10.1.0.0/24', '10.1.0.0/24']);
    it.setPodCidr('10.2.0.0/24,fd00::/64');
    await check();
    assert.equal(seen.at(-1), '10.2.0.0/24,fd00::/64');
  });
});
