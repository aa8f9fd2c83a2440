import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, Pod, PodSpec } from '@kubeedge-ts/apis';
import { container, pod } from '../testing/pods.ts';
import { type AdmissionNode, admit } from './admit.ts';

const NODE: AdmissionNode = {
  name: 'edge-a',
  labels: { 'kubernetes.io/hostname': 'edge-a', zone: 'hall-3', racks: '12' },
  taints: [],
  allocatable: {
    cpu: '1',
    memory: '1000Mi',
    pods: '3',
    'ephemeral-storage': '10G',
    'example.com/gpu': '2',
    'hugepages-2Mi': '8Mi',
  },
  pressures: [],
  shuttingDown: false,
};

const asking = (requests: Record<string, string>, more: Partial<Container> = {}): Container =>
  container('main', { resources: { requests }, ...more });
const with_ = (requests: Record<string, string>, spec: Partial<PodSpec> = {}): Pod =>
  pod('web', { containers: [asking(requests)], ...spec });
const critical = { priority: 2_000_001_000 };

function refusal(subject: Pod, others: readonly Pod[] = [], node: Partial<AdmissionNode> = {}): string {
  const found = admit(subject, others, { ...NODE, ...node });
  return found === undefined ? 'admitted' : `${found.reason}: ${found.message}`;
}

describe('a pod that asks for more than the node has left is refused', () => {
  const cases: [string, Pod, readonly Pod[], string][] = [
    [
      'cpu',
      with_({ cpu: '2' }),
      [],
      "OutOfcpu: Node didn't have enough resource: cpu, requested: 2000, used: 0, capacity: 1000",
    ],
    [
      'cpu beside others',
      with_({ cpu: '300m' }),
      [with_({ cpu: '0.8' })],
      "OutOfcpu: Node didn't have enough resource: cpu, requested: 300, used: 800, capacity: 1000",
    ],
    [
      'exactly what is left',
      with_({ cpu: '0.2', memory: '500Mi' }),
      [with_({ cpu: '0.8', memory: '500Mi' })],
      'admitted',
    ],
    [
      'memory',
      with_({ memory: '2Gi' }),
      [],
      "OutOfmemory: Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1048576000",
    ],
    [
      'local storage',
      with_({ 'ephemeral-storage': '11G' }),
      [],
      "OutOfephemeral-storage: Node didn't have enough resource: ephemeral-storage, requested: 11000000000, used: 0, capacity: 10000000000",
    ],
    [
      'devices',
      with_({ 'example.com/gpu': '2' }),
      [with_({ 'example.com/gpu': '1' })],
      "OutOfexample.com/gpu: Node didn't have enough resource: example.com/gpu, requested: 2, used: 1, capacity: 2",
    ],
    ['a resource the node does not know', with_({ 'example.com/license': '9' }), [], 'admitted'],
    [
      'huge pages',
      with_({ 'hugepages-2Mi': '16Mi' }),
      [],
      "OutOfhugepages-2Mi: Node didn't have enough resource: hugepages-2Mi, requested: 16777216, used: 0, capacity: 8388608",
    ],
    [
      'places',
      pod('d'),
      [pod('a'), pod('b'), pod('c')],
      "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
    ],
    [
      'everything: places are said first',
      with_({ cpu: '9' }),
      [pod('a'), pod('b'), pod('c')],
      "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
    ],
  ];
  for (const [name, subject, others, expected] of cases) {
    test(name, () => assert.equal(refusal(subject, others), expected));
  }

  test('init containers count with the sidecars started before them, at their peak', () => {
    const sidecar = container('proxy', { restartPolicy: 'Always', resources: { requests: { cpu: '400m' } } });
    const init = container('init', { resources: { requests: { cpu: '700m' } } });
    const spec = (...initContainers: Container[]) => with_({ cpu: '100m' }, { initContainers });
    assert.equal(refusal(spec(init, sidecar)), 'admitted');
    assert.match(refusal(spec(sidecar, init)), /requested: 1100,/);
    assert.match(refusal(with_({ cpu: '1' }, { overhead: { cpu: '10m' } })), /requested: 1010,/);
  });
});

describe('a pod for another node is refused', () => {
  const affinity = (...terms: object[]): Partial<PodSpec> => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms as never },
      },
    },
  });
  const term = (key: string, operator: string, ...values: string[]) => ({
    matchExpressions: [{ key, operator, ...(values.length > 0 ? { values } : {}) }],
  });
  const NO = "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
  const cases: [string, Partial<PodSpec>, string][] = [
    ['selector that matches', { nodeSelector: { zone: 'hall-3' } }, 'admitted'],
    ['selector with another value', { nodeSelector: { zone: 'hall-4' } }, NO],
    ['selector named like a method', { nodeSelector: { toString: 'x' } }, NO],
    ['In', affinity(term('zone', 'In', 'hall-1', 'hall-3')), 'admitted'],
    ['NotIn', affinity(term('zone', 'NotIn', 'hall-3')), NO],
    ['Exists', affinity(term('zone', 'Exists')), 'admitted'],
    ['DoesNotExist', affinity(term('zone', 'DoesNotExist')), NO],
    ['Gt', affinity(term('racks', 'Gt', '11')), 'admitted'],
    ['Lt', affinity(term('racks', 'Lt', '12')), NO],
    ['Gt of what is no number', affinity(term('zone', 'Gt', '1')), NO],
    ['an unknown operator', affinity(term('zone', 'Near', 'hall-3')), NO],
    ['one of several terms', affinity(term('zone', 'In', 'x'), term('zone', 'Exists')), 'admitted'],
    ['an empty term', affinity({}), NO],
    [
      'the node by name',
      affinity({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['edge-a'] }] }),
      'admitted',
    ],
    [
      'another node by name',
      affinity({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['edge-b'] }] }),
      NO,
    ],
    [
      'bound elsewhere',
      { nodeName: 'edge-b' },
      "NodeName: Predicate NodeName failed: node(s) didn't match the requested node name",
    ],
    [
      'another system',
      { os: { name: 'windows' } },
      "PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS",
    ],
  ];
  for (const [name, spec, expected] of cases) {
    test(name, () => assert.equal(refusal(pod('web', spec)), expected));
  }

  test('another system by label', () => {
    const subject = pod('web', {}, { labels: { 'kubernetes.io/os': 'windows' } });
    assert.match(refusal(subject), /^PodOSSelectorNodeLabelDoesNotMatch: /);
  });
});

describe('a port of the host belongs to one pod', () => {
  const onPort = (hostPort: number, more: object = {}) =>
    pod('p', { containers: [container('main', { ports: [{ containerPort: 80, hostPort, ...more }] })] });
  const cases: [string, Pod, Pod, boolean][] = [
    ['the same port', onPort(8080), onPort(8080), true],
    ['another port', onPort(8080), onPort(8081), false],
    ['another protocol', onPort(53), onPort(53, { protocol: 'UDP' }), false],
    ['one address of a port taken on all', onPort(80), onPort(80, { hostIP: '192.0.2.1' }), true],
    ['all addresses of a port taken on one', onPort(80, { hostIP: '192.0.2.1' }), onPort(80), true],
    ['two addresses', onPort(80, { hostIP: '192.0.2.1' }), onPort(80, { hostIP: '192.0.2.2' }), false],
  ];
  for (const [name, held, subject, conflict] of cases) {
    const expected = conflict
      ? "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
      : 'admitted';
    test(name, () => assert.equal(refusal(subject, [held]), expected));
  }
});

describe('taints that drive pods out keep new ones out', () => {
  const taints = [{ key: 'maintenance', value: 'yes', effect: 'NoExecute' }];
  test('without a toleration', () => {
    assert.equal(
      refusal(pod('web'), [], { taints }),
      "TaintToleration: Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    );
  });
  const tolerations = [
    { key: 'maintenance', operator: 'Exists' },
    { key: 'maintenance', value: 'yes', effect: 'NoExecute' },
    { operator: 'Exists', effect: 'NoExecute' },
  ];
  for (const toleration of tolerations) {
    test(`tolerated by ${JSON.stringify(toleration)}`, () => {
      assert.equal(refusal(pod('web', { tolerations: [toleration] }), [], { taints }), 'admitted');
    });
  }
  test('not tolerated with another value, effect or operator', () => {
    for (const other of [
      { key: 'maintenance', value: 'no' },
      { key: 'maintenance', operator: 'Exists', effect: 'NoSchedule' },
      { key: 'maintenance', operator: 'Near' },
    ]) {
      assert.match(refusal(pod('web', { tolerations: [other] }), [], { taints }), /^TaintToleration/);
    }
  });
  test('static pods, and taints that only keep the scheduler away, do not matter', () => {
    const ofFile = pod('web', {}, { annotations: { 'kubernetes.io/config.source': 'file' } });
    assert.equal(refusal(ofFile, [], { taints }), 'admitted');
    assert.equal(refusal(pod('web'), [], { taints: [{ key: 'a', effect: 'NoSchedule' }] }), 'admitted');
  });
});

describe('a node in need takes on only what it can bear', () => {
  const bestEffort = pod('web');
  const burstable = with_({ memory: '1Mi' });
  const tolerant = pod('web', {
    tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }],
  });
  const cases: [string, Pod, AdmissionNode['pressures'], string][] = [
    [
      'memory: best effort',
      bestEffort,
      ['MemoryPressure'],
      'Evicted: The node had condition: [MemoryPressure]. ',
    ],
    ['memory: burstable', burstable, ['MemoryPressure'], 'admitted'],
    ['memory: best effort that tolerates it', tolerant, ['MemoryPressure'], 'admitted'],
    ['disk: burstable', burstable, ['DiskPressure'], 'Evicted: The node had condition: [DiskPressure]. '],
    [
      'memory and pids',
      burstable,
      ['MemoryPressure', 'PIDPressure'],
      'Evicted: The node had condition: [MemoryPressure PIDPressure]. ',
    ],
    ['disk: critical', pod('web', critical), ['DiskPressure'], 'admitted'],
  ];
  for (const [name, subject, pressures, expected] of cases) {
    test(name, () => assert.equal(refusal(subject, [], { pressures }), expected));
  }
  test('a node that shuts down takes on nothing', () => {
    assert.equal(
      refusal(pod('web', critical), [], { shuttingDown: true }),
      'NodeShutdown: Pod was rejected as the node is shutting down.',
    );
  });
});

describe('a spec the node cannot read is refused with the field', () => {
  test('a quantity that is none', () => {
    const expected =
      'UnexpectedAdmissionError: resources.requests.memory of container main is not a quantity: "lots"';
    assert.equal(refusal(with_({ memory: 'lots' })), expected);
    assert.match(refusal(with_({ cpu: '-1' })), /not a quantity: "-1"$/);
  });
  test('no containers', () => {
    assert.equal(
      refusal(pod('web', { containers: [] })),
      'UnexpectedAdmissionError: The pod has no containers.',
    );
  });
});

describe('a critical pod makes room for itself', () => {
  const names = (subject: Pod, others: readonly Pod[]) =>
    admit(subject, others, NODE)?.preempt?.map(({ metadata: { name } }) => name);
  const guaranteed = (name: string, cpu: string) =>
    pod(name, {
      containers: [
        container('main', {
          resources: { requests: { cpu, memory: '1Mi' }, limits: { cpu, memory: '1Mi' } },
        }),
      ],
    });
  const named = (name: string, cpu: string) => pod(name, { containers: [asking({ cpu })] });
  const subject = with_({ cpu: '500m' }, critical);

  test('at the expense of the smallest burstable pod that suffices, not of a guaranteed one', () => {
    const others = [guaranteed('g', '400m'), named('big', '400m'), named('small', '200m')];
    assert.deepEqual(names(with_({ cpu: '200m' }, critical), others), ['small']);
    assert.deepEqual(names(with_({ cpu: '300m' }, critical), others), ['big']);
    assert.deepEqual(names(with_({ cpu: '600m' }, critical), others), ['big', 'small']);
    assert.deepEqual(names(with_({ cpu: '700m' }, critical), others), ['big', 'g']);
  });
  test('for a place, by a best-effort pod', () => {
    assert.deepEqual(names(pod('web', critical), [guaranteed('g', '1m'), named('b', '1m'), pod('e')]), ['e']);
  });
  test('never at the expense of critical ones, unless they matter less', () => {
    const peer = (name: string, priority: number) =>
      pod(name, { containers: [asking({ cpu: '1' })], priority });
    assert.equal(names(subject, [peer('c', 2_000_001_000)]), undefined);
    assert.deepEqual(names(subject, [peer('c', 2_000_000_000)]), ['c']);
    assert.match(refusal(subject, [peer('c', 2_000_001_000)]), /^OutOfcpu/);
  });
  test('an ordinary pod does not, and another reason is not mended by it', () => {
    assert.equal(names(with_({ cpu: '500m' }), [named('a', '1')]), undefined);
    assert.match(
      refusal(with_({ cpu: '500m' }, { ...critical, nodeSelector: { a: 'b' } }), [named('a', '1')]),
      /^NodeAffinity/,
    );
  });
});
