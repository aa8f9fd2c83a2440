import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node, Pod } from '@kubeedge-ts/apis';
import { obstacles, unschedulableMessage } from './filter.ts';
import { nodeInfo } from './node-info.ts';
import { pickNode } from './score.ts';

type Spec = Partial<NonNullable<Pod['spec']>>;
const pod = (spec: Spec = {}, name = 'p'): Pod => ({
  metadata: { name, namespace: 'a' },
  spec: { containers: [{ name: 'c' }], ...spec },
});
const asking = (requests: Record<string, string>, more: Spec = {}): Pod =>
  pod({ containers: [{ name: 'c', resources: { requests } }], ...more });
const node = (
  change: { labels?: Record<string, string>; spec?: Node['spec']; status?: Node['status'] } = {},
): Node => ({
  metadata: { name: 'n1', labels: change.labels },
  spec: change.spec,
  status: {
    allocatable: { cpu: '2', memory: '1Gi', pods: '3' },
    conditions: [{ type: 'Ready', status: 'True' }],
    ...change.status,
  },
});
const affinity = (...matchExpressions: object[]): Spec =>
  ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
      },
    },
  }) as Spec;
const MISMATCH = ["node(s) didn't match Pod's node affinity/selector"];
const tainted = (value?: string, effect = 'NoSchedule') =>
  node({ spec: { taints: [{ key: 'k', ...(value === undefined ? {} : { value }), effect }] } });
const port = (hostPort: number, more: object = {}): Spec => ({
  containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort, ...more }] }],
});

describe('a node', () => {
  const labels = { zone: 'a', cores: '8' };
  const cases: [title: string, pod: Pod, node: Node, reasons: string[], bound?: Pod[]][] = [
    ['without obstacles takes the pod', pod(), node(), []],
    [
      'that is cordoned does not',
      pod(),
      node({ spec: { unschedulable: true } }),
      ['node(s) were unschedulable'],
    ],
    [
      'that is cordoned takes a pod that tolerates it',
      pod({ tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }] }),
      node({ spec: { unschedulable: true } }),
      [],
    ],
    [
      'that is not ready does not',
      pod(),
      node({ status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }),
      ['node(s) had untolerated taint {node.kubernetes.io/not-ready: }'],
    ],
    [
      'that never reported does not',
      pod(),
      node({ status: { conditions: undefined } }),
      ['node(s) had untolerated taint {node.kubernetes.io/not-ready: }'],
    ],
    ['takes a pod by label', pod({ nodeSelector: { zone: 'a' } }), node({ labels }), []],
    ['refuses a pod by label', pod({ nodeSelector: { zone: 'b' } }), node({ labels }), MISMATCH],
    [
      'refuses a label of a prototype',
      pod({ nodeSelector: { constructor: 'x' } }),
      node({ labels }),
      MISMATCH,
    ],
    ['In', pod(affinity({ key: 'zone', operator: 'In', values: ['b', 'a'] })), node({ labels }), []],
    ['not In', pod(affinity({ key: 'zone', operator: 'In', values: ['b'] })), node({ labels }), MISMATCH],
    ['NotIn', pod(affinity({ key: 'zone', operator: 'NotIn', values: ['a'] })), node({ labels }), MISMATCH],
    [
      'NotIn of an absent label',
      pod(affinity({ key: 'x', operator: 'NotIn', values: ['a'] })),
      node({ labels }),
      [],
    ],
    ['Exists', pod(affinity({ key: 'x', operator: 'Exists' })), node({ labels }), MISMATCH],
    ['DoesNotExist', pod(affinity({ key: 'x', operator: 'DoesNotExist' })), node({ labels }), []],
    ['Gt', pod(affinity({ key: 'cores', operator: 'Gt', values: ['7'] })), node({ labels }), []],
    ['not Gt', pod(affinity({ key: 'cores', operator: 'Gt', values: ['8'] })), node({ labels }), MISMATCH],
    ['Lt', pod(affinity({ key: 'cores', operator: 'Lt', values: ['9'] })), node({ labels }), []],
    [
      'Gt of no number',
      pod(affinity({ key: 'zone', operator: 'Gt', values: ['1'] })),
      node({ labels }),
      MISMATCH,
    ],
    ['an unknown operator', pod(affinity({ key: 'zone', operator: 'Near' })), node({ labels }), MISMATCH],
    ['no expression', pod(affinity()), node({ labels }), MISMATCH],
    ['a taint', pod(), tainted('v'), ['node(s) had untolerated taint {k: v}']],
    ['a taint NoExecute', pod(), tainted(undefined, 'NoExecute'), ['node(s) had untolerated taint {k: }']],
    ['a taint PreferNoSchedule', pod(), tainted('v', 'PreferNoSchedule'), []],
    [
      'a taint tolerated',
      pod({ tolerations: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] }),
      tainted('v'),
      [],
    ],
    [
      'a taint of another value',
      pod({ tolerations: [{ key: 'k', value: 'w' }] }),
      tainted('v'),
      ['node(s) had untolerated taint {k: v}'],
    ],
    [
      'a taint of another effect',
      pod({ tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }] }),
      tainted('v'),
      ['node(s) had untolerated taint {k: v}'],
    ],
    ['everything tolerated', pod({ tolerations: [{ operator: 'Exists' }] }), tainted('v'), []],
    ['enough room', asking({ cpu: '1500m', memory: '1Gi' }), node(), []],
    ['too little cpu', asking({ cpu: '2001m' }), node(), ['Insufficient cpu']],
    [
      'too little of two',
      asking({ cpu: '3', memory: '2Gi' }),
      node(),
      ['Insufficient cpu', 'Insufficient memory'],
    ],
    ['none of an extended resource', asking({ 'x.io/gpu': '1' }), node(), ['Insufficient x.io/gpu']],
    ['room taken by others', asking({ cpu: '1' }), node(), ['Insufficient cpu'], [asking({ cpu: '1500m' })]],
    [
      'limits count without requests',
      pod({ containers: [{ name: 'c', resources: { limits: { cpu: '3' } } }] }),
      node(),
      ['Insufficient cpu'],
    ],
    [
      'the hungriest init container counts',
      asking({ cpu: '1' }, { initContainers: [{ name: 'i', resources: { requests: { cpu: '3' } } }] }),
      node(),
      ['Insufficient cpu'],
    ],
    [
      'a sidecar counts beside the containers',
      asking(
        { cpu: '1500m' },
        { initContainers: [{ name: 'i', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } }] },
      ),
      node(),
      ['Insufficient cpu'],
    ],
    ['too many pods', pod(), node(), ['Too many pods'], [pod(), pod(), pod()]],
    ['a free port', pod(port(80)), node(), [], [pod(port(81))]],
    [
      'a taken port',
      pod(port(80)),
      node(),
      ["node(s) didn't have free ports for the requested pod ports"],
      [pod(port(80))],
    ],
    ['a port of another protocol', pod(port(80)), node(), [], [pod(port(80, { protocol: 'UDP' }))]],
    [
      'a port of another address',
      pod(port(80, { hostIP: '10.0.0.1' })),
      node(),
      [],
      [pod(port(80, { hostIP: '10.0.0.2' }))],
    ],
    [
      'a port of all addresses',
      pod(port(80, { hostIP: '10.0.0.1' })),
      node(),
      ["node(s) didn't have free ports for the requested pod ports"],
      [pod(port(80, { hostIP: '0.0.0.0' }))],
    ],
  ];
  for (const [title, wanted, machine, reasons, bound = []] of cases) {
    test(title, () => assert.deepEqual(obstacles(wanted, nodeInfo(machine, bound)), reasons));
  }
});

test('the message counts nodes per reason, in the scheduler’s form', () => {
  const message = unschedulableMessage([
    ['Insufficient cpu'],
    ['node(s) were unschedulable'],
    ['Insufficient cpu', 'Too many pods'],
  ]);
  assert.equal(
    message,
    '0/3 nodes are available: 1 Too many pods, 1 node(s) were unschedulable, 2 Insufficient cpu.',
  );
  assert.equal(unschedulableMessage([]), 'no nodes available to schedule pods');
});

test('of several nodes the least loaded without reluctant taints is picked', () => {
  const named = (name: string, spec?: Node['spec']): Node => ({ ...node({ spec }), metadata: { name } });
  const infos = [
    nodeInfo(named('avoid', { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] }), []),
    nodeInfo(named('busy'), [asking({ cpu: '1' })]),
    nodeInfo(named('free-b'), []),
    nodeInfo(named('free-a'), []),
  ];
  assert.equal(pickNode(asking({ cpu: '100m' }), infos)?.node.metadata.name, 'free-a');
  assert.equal(pickNode(pod(), infos.slice(0, 2))?.node.metadata.name, 'busy');
  assert.equal(pickNode(pod(), []), undefined);
});
