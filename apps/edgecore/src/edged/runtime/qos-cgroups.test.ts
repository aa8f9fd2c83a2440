import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { manualClock } from '../testing/manual-clock.ts';
import { container, pod } from '../testing/pods.ts';
import type { CgroupSettings } from './cgroups.ts';
import { createQosCgroups } from './qos-cgroups.ts';
import type { HierarchyLimits } from './qos-limits.ts';

const settings: CgroupSettings = {
  driver: 'cgroupfs',
  root: '',
  perQos: true,
  cpuCfsQuota: true,
  cpuPeriodUs: 100_000,
  podPids: -1,
  hugepageSizes: [],
};

test('the hierarchy follows the pods at once, and is written again every minute', async () => {
  const clock = manualClock();
  const written: HierarchyLimits[] = [];
  const pods: Pod[] = [];
  let known: CgroupSettings | undefined;
  const qos = createQosCgroups({
    cgroups: { limit: async (limits) => void written.push(limits) },
    settings: () => known,
    node: () => ({ cpus: 2, memory: 2 ** 30, pids: 0, reserved: [], enforced: true }),
    pods: () => pods,
    clock,
  });
  const stopping = new AbortController();
  const running = qos.run(stopping.signal);
  await clock.pass(1_000);
  assert.equal(written.length, 0, 'before the runtime has said how it names cgroups');

  known = settings;
  qos.poke();
  await clock.pass(1_000);
  assert.deepEqual(written.at(-1), {
    all: { cpuShares: 2048, memory: 2 ** 30 },
    burstable: { cpuShares: 2 },
    bestEffort: { cpuShares: 2 },
  });

  for (const name of ['a', 'b']) {
    pods.push(pod(name, { containers: [container('c', { resources: { requests: { cpu: '250m' } } })] }));
    qos.poke();
  }
  await clock.pass(1_000);
  assert.equal(written.length, 2, 'two pods together are one change');
  assert.deepEqual(written.at(-1)?.burstable, { cpuShares: 512 });

  qos.poke();
  await clock.pass(1_000);
  assert.equal(written.length, 2, 'nothing changed');
  await clock.pass(120_000);
  assert.equal(written.length, 4, 'somebody else may have written');
  stopping.abort();
  await running;
});
