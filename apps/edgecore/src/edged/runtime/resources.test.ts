import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, PodSpec } from '@kubeedge-ts/apis';
import fc from 'fast-check';
import { qosOf } from '../pod/qos.ts';
import { nodeResources } from '../testing/node-resources.ts';
import { container, pod } from '../testing/pods.ts';
import { containerResources, oomScoreAdj, sandboxResources } from './container-resources.ts';
import { cpuQuota, cpuShares, cpuWeight, podCpuRequest, podLimits } from './resources.ts';

const with_ = (name: string, resources: Container['resources'], more: Partial<Container> = {}): Container =>
  container(name, { ...(resources ? { resources } : {}), ...more });
const MiB = 2 ** 20;
const GiB = 2 ** 30;

describe('formulas of the sheet', () => {
  test('shares and quota', () => {
    assert.deepEqual([0, 1, 2, 1000, 1500, 300_000].map(cpuShares), [2, 2, 2, 1024, 1536, 262_144]);
    const quotas = [0, 1, 10, 500, 2000].map((milli) => cpuQuota(milli));
    assert.deepEqual(quotas, [0, 1000, 1000, 50_000, 200_000]);
    assert.equal(cpuQuota(500, 50_000), 25_000);
  });
  test('weights of cgroup v2: from 1 to 10,000, more shares never less weight', () => {
    assert.deepEqual([2, 1024, 962, 262_144].map(cpuWeight), [1, 39, 37, 10_000]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400_000 }), (milli) => {
        const [weight, more] = [cpuWeight(cpuShares(milli)), cpuWeight(cpuShares(milli + 100))];
        return Number.isInteger(weight) && weight >= 1 && weight <= more && more <= 10_000;
      }),
    );
  });
});

describe('container resources', () => {
  const of = (resources: Container['resources'], node = nodeResources(), spec: Partial<PodSpec> = {}) => {
    const it = with_('c', resources);
    return containerResources(it, pod('x', { ...spec, containers: [it] }), node);
  };

  test('a limit alone is a request too', () => {
    assert.deepEqual(of({ limits: { cpu: '500m', memory: '64Mi' } }), {
      cpuPeriod: 100_000,
      cpuQuota: 50_000,
      cpuShares: 512,
      memoryLimitInBytes: 64 * MiB,
      oomScoreAdj: -997,
      hugepageLimits: [],
    });
  });

  test('another period; without CFS quotas neither period nor quota', () => {
    const limits = { cpu: '500m' };
    const short = of({ limits }, nodeResources({ cpuPeriodUs: 20_000 }));
    assert.deepEqual([short.cpuPeriod, short.cpuQuota], [20_000, 10_000]);
    const without = of({ limits }, nodeResources({ cpuCfsQuota: false }));
    assert.deepEqual([without.cpuPeriod, without.cpuQuota, without.cpuShares], [undefined, undefined, 512]);
  });

  test('huge pages: every size of the machine, 0 unless the pod asks for it', () => {
    const node = nodeResources({ hugepageSizes: ['1GB', '2MB'] });
    const { hugepageLimits } = of({ limits: { 'hugepages-2Mi': '64Mi' } }, node);
    assert.deepEqual(hugepageLimits, [
      { pageSize: '1GB', limit: 0 },
      { pageSize: '2MB', limit: 64 * MiB },
    ]);
  });

  test('cgroup v2 (what the runtime is asked: these machines have v1): all processes of a container die together, unless the node is told otherwise', () => {
    assert.deepEqual(of({}, nodeResources({ cgroupV2: true })).unified, { 'memory.oom.group': '1' });
    assert.equal(of({}, nodeResources({ cgroupV2: true, oomGroup: false })).unified, undefined);
    assert.equal(of({}).unified, undefined);
  });

  describe('swap', () => {
    const v2 = nodeResources({
      cgroupV2: true,
      swapAccounting: true,
      swapCapacity: 2 * GiB,
      oomGroup: false,
    });
    const limited = { ...v2, limitedSwap: true };
    const half = { requests: { memory: '512Mi' } };
    const cases: [string, Container['resources'], typeof v2, Partial<PodSpec>, string][] = [
      ['none by default', half, v2, {}, '0'],
      ['limited: in proportion to the request', half, limited, {}, String(GiB)],
      ['limited: not where request and limit are one', { limits: { memory: '512Mi' } }, limited, {}, '0'],
      ['limited: not without a request', { requests: { cpu: '1' } }, limited, {}, '0'],
      ['limited: not for best effort', {}, limited, {}, '0'],
      ['limited: not for critical pods', half, limited, { priority: 2_000_000_000 }, '0'],
    ];
    for (const [title, resources, node, spec, expected] of cases) {
      test(`cgroup v2 (what the runtime is asked), ${title}`, () => {
        assert.deepEqual(of(resources, node, spec).unified, { 'memory.swap.max': expected });
      });
    }
    test('version 1: no more than memory; nothing where the kernel does not count swap', () => {
      const node = nodeResources({ swapAccounting: true });
      assert.equal(of({ limits: { memory: '64Mi' } }, node).memorySwapLimitInBytes, 64 * MiB);
      assert.equal(of({ limits: { memory: '64Mi' } }).memorySwapLimitInBytes, undefined);
    });
  });
});

describe('the OOM score', () => {
  const score = (fields: object, resources: Container['resources']) => {
    const it = pod('x', { ...fields, containers: [with_('c', resources)] });
    return oomScoreAdj(it.spec!.containers[0]!, { pod: it, qos: qosOf(it), memoryCapacity: GiB });
  };
  test('follows class, priority and share of memory', () => {
    assert.equal(score({}, {}), 1000);
    assert.equal(score({}, { limits: { cpu: '1', memory: '1Mi' } }), -997);
    assert.equal(score({ priority: 2_000_001_000 }, {}), -997);
    assert.equal(score({ priority: 2_000_000_000 }, {}), 1000);
    assert.equal(score({}, { requests: { memory: '512Mi' } }), 500);
    assert.equal(score({}, { requests: { memory: '1Gi' } }), 3);
    assert.equal(score({}, { requests: { memory: '1Ki' } }), 999);
  });
  test('a sidecar is not killed before the smallest of the containers it serves', () => {
    const sidecar = with_('s', {}, { restartPolicy: 'Always' });
    const it = pod('x', {
      initContainers: [sidecar],
      containers: [
        with_('a', { requests: { memory: '512Mi' } }),
        with_('b', { requests: { memory: '256Mi' } }),
      ],
    });
    const of = (one: Container) => oomScoreAdj(one, { pod: it, qos: qosOf(it), memoryCapacity: GiB });
    assert.deepEqual([of(sidecar), ...it.spec!.containers.map(of)], [750, 500, 750]);
  });
});

describe('pod limits', () => {
  const of = (spec: Partial<PodSpec>) => {
    const it = pod('x', spec);
    const { hugepages, ...rest } = podLimits(it, qosOf(it));
    return { ...rest, ...(hugepages.size > 0 ? { hugepages: Object.fromEntries(hugepages) } : {}) };
  };
  const unlimited = { cpuQuota: 0, memoryLimit: 0 };
  const sidecar: Partial<Container> = { restartPolicy: 'Always' };

  const cases: [string, Partial<PodSpec>, object][] = [
    ['best effort: the least shares', {}, { cpuShares: 2, ...unlimited }],
    [
      'sums; only limits that every container has',
      {
        containers: [
          with_('a', { limits: { cpu: '1', memory: '64Mi' } }),
          with_('b', { requests: { cpu: '500m' }, limits: { memory: '64Mi' } }),
        ],
      },
      { cpuShares: 1536, cpuQuota: 0, memoryLimit: 128 * MiB },
    ],
    [
      'the largest init container, where it needs more than all others together',
      {
        initContainers: [with_('i', { limits: { cpu: '3', memory: '10Mi' } })],
        containers: [with_('a', { limits: { cpu: '1', memory: '64Mi' } })],
      },
      { cpuShares: 3072, cpuQuota: 300_000, memoryLimit: 64 * MiB },
    ],
    [
      'an init container runs beside the sidecars before it',
      {
        initContainers: [
          with_('s', { limits: { cpu: '1', memory: '10Mi' } }, sidecar),
          with_('i', { limits: { cpu: '2', memory: '10Mi' } }),
          with_('t', { limits: { cpu: '5', memory: '10Mi' } }, sidecar),
        ],
        containers: [with_('a', { limits: { cpu: '100m', memory: '10Mi' } })],
      },
      { cpuShares: 6246, cpuQuota: 610_000, memoryLimit: 30 * MiB },
    ],
    [
      'an init container without a limit leaves the pod without one',
      {
        initContainers: [with_('i', { limits: { cpu: '1' } })],
        containers: [with_('a', { limits: { cpu: '1', memory: '64Mi' } })],
      },
      { cpuShares: 1024, cpuQuota: 100_000, memoryLimit: 0 },
    ],
    [
      'the overhead of the runtime is added to requests, and to limits where there are some',
      {
        overhead: { cpu: '250m', memory: '120Mi' },
        containers: [with_('a', { requests: { cpu: '750m' }, limits: { memory: '8Mi' } })],
      },
      { cpuShares: 1024, cpuQuota: 0, memoryLimit: 128 * MiB },
    ],
    [
      'huge pages',
      { containers: [with_('a', { limits: { cpu: '1', memory: '1Mi', 'hugepages-2Mi': '4Mi' } })] },
      { cpuShares: 1024, cpuQuota: 100_000, memoryLimit: MiB, hugepages: { '2MB': 4 * MiB } },
    ],
  ];
  for (const [title, spec, expected] of cases) test(title, () => assert.deepEqual(of(spec), expected));

  test('what a pod weighs among the burstable ones includes its overhead', () => {
    const spec = { overhead: { cpu: '250m' }, containers: [with_('a', { requests: { cpu: '1' } })] };
    assert.equal(podCpuRequest(pod('x', spec)), 1250);
  });
});

describe('resources of the sandbox', () => {
  const one = with_('a', { limits: { cpu: '1', memory: '64Mi' } });
  test('the sum of the containers, and the overhead beside it', () => {
    const it = pod('x', { overhead: { cpu: '250m', memory: '120Mi' }, containers: [one, with_('b', {})] });
    assert.deepEqual(sandboxResources(it, nodeResources()), {
      resources: { cpuShares: 1024, memoryLimitInBytes: 64 * MiB, cpuPeriod: 100_000, cpuQuota: 100_000 },
      overhead: { cpuShares: 256, memoryLimitInBytes: 120 * MiB, cpuPeriod: 100_000, cpuQuota: 25_000 },
    });
  });
  test('no overhead is an empty message', () => {
    assert.deepEqual(sandboxResources(pod('x', { containers: [one] }), nodeResources()).overhead, {});
  });
});
