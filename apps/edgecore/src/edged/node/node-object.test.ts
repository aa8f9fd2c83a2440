import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { edgedConfig } from '../testing/config.ts';
import { fakeHost } from '../testing/fake-host.ts';
import { defaultRouteInterface } from './addresses.ts';
import { NO_DEVICES } from './capacity.ts';
import { meminfo, prettyName, readConditions, readMachine } from './machine.ts';
import { type NodeInputs, nodeObject, nodeStatus, runtimeVersion } from './node-object.ts';
import { kubeletVersion } from './version.ts';

const T = Date.parse('2026-11-22T14:08:49Z');
const recording = readFileSync(
  new URL('../../../../../tests/fixtures/upstream-wire/cloudhub-websocket.jsonl', import.meta.url),
  'utf8',
)
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as { route?: { operation: string; resource: string }; content?: unknown });

const upstreamHost = fakeHost({
  totalBytes: 264_212_084 * 1024,
  files: {
    '/etc/machine-id': '3d1219c7c4c5404aaa1f6d2a48adfda4\n',
    '/proc/sys/kernel/random/boot_id': '4501cc90-eb68-43a9-a40c-f6bee0106b69\n',
    '/proc/sys/kernel/osrelease': '6.18.44-fc-v657\n',
    '/etc/os-release': 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    '/proc/meminfo': 'MemTotal:       24684092 kB\nMemFree: 1 kB\nMemAvailable:   23000000 kB\n',
    '/proc/sys/kernel/pid_max': '32768\n',
    '/proc/loadavg': '0.1 0.2 0.3 1/100 123\n',
    '/proc/net/route':
      'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t010200C0\t3\t0\t0\t0\t00000000\n',
    '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages': '0\n',
    '/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages': '0\n',
  },
  directories: { '/sys/kernel/mm/hugepages': ['hugepages-2048kB', 'hugepages-1048576kB'] },
});

async function inputs(fields: Partial<NodeInputs> = {}): Promise<NodeInputs> {
  const config = edgedConfig({ rootDir: '/var/lib/kubelet', nodeName: 'edge-go' });
  return {
    config,
    host: upstreamHost,
    machine: await readMachine(upstreamHost),
    now: await readConditions(upstreamHost, config),
    runtime: { name: 'containerd', version: '1.6.20~ds1', handlers: [], features: undefined },
    devices: NO_DEVICES,
    health: [],
    pressures: [],
    images: [],
    volumesInUse: [],
    clusterVersion: undefined,
    ...fields,
  };
}

describe('the node', () => {
  test('registers as upstream does, field for field (recorded traffic)', async () => {
    const recorded = recording.find(
      ({ route }) => route?.operation === 'insert' && route.resource === 'null/node/edge-go',
    )?.content;
    const ours = nodeObject(await inputs({ health: ['CSINode is not yet initialized'] }), T);
    assert.deepEqual(ours, recorded);
  });

  test('says it is ready in upstream’s words, in every condition (recorded traffic)', async () => {
    const patch = recording.find(({ route }) => route?.resource === 'null/nodepatch/edge-go')
      ?.content as string;
    const recorded = JSON.parse(patch) as { status: { conditions: { type: string }[] } };
    const ours = nodeStatus(await inputs(), undefined, T);
    assert.deepEqual(ours.conditions, recorded.status.conditions);
  });

  test('later reports leave the port of the kubelet to the cloud', async () => {
    assert.equal(nodeStatus(await inputs(), undefined, T).daemonEndpoints, undefined);
  });

  test('labels, taints and unschedulability of the configuration are added', async () => {
    const config = edgedConfig({
      rootDir: '/',
      nodeLabels: { site: 'north' },
      registerSchedulable: false,
      taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }],
      controllerAttachDetach: false,
    });
    const node = nodeObject(await inputs({ config }), T);
    assert.equal(node.metadata.labels?.['site'], 'north');
    assert.equal(node.metadata.annotations, undefined);
    assert.deepEqual(node.spec, {
      taints: [
        { key: 'k', value: 'v', effect: 'NoSchedule' },
        { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
      ],
      unschedulable: true,
    });
  });

  test('what is reserved is not allocatable, and nothing gets negative', async () => {
    const config = edgedConfig({
      rootDir: '/',
      systemReserved: { cpu: '500m', memory: '1Gi' },
      kubeReserved: { cpu: '100m', 'ephemeral-storage': '900Gi' },
      podsPerCore: 10,
    });
    const { allocatable, capacity } = nodeStatus(await inputs({ config }), undefined, T);
    assert.equal(allocatable?.['cpu'], '1400m');
    assert.equal(allocatable?.['memory'], `${24_684_092 - 102_400 - 1_048_576}Ki`);
    assert.equal(allocatable?.['ephemeral-storage'], '0');
    assert.equal(capacity?.['pods'], '20');
  });

  test('pressure and problems show in the conditions; several problems in one list', async () => {
    const health = ['container runtime is down', 'cni is not ready'];
    const pressures = ['MemoryPressure', 'DiskPressure'] as const;
    const { conditions } = nodeStatus(await inputs({ health, pressures }), undefined, T);
    assert.deepEqual(
      conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]),
      [
        [
          'MemoryPressure',
          'True',
          'KubeletHasInsufficientMemory',
          'kubelet has insufficient memory available',
        ],
        ['DiskPressure', 'True', 'KubeletHasDiskPressure', 'kubelet has disk pressure'],
        ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
        ['Ready', 'False', 'KubeletNotReady', '[container runtime is down, cni is not ready]'],
      ],
    );
  });

  test('a root directory that cannot be looked at makes the node unready', async () => {
    const it = await inputs();
    const status = nodeStatus({ ...it, now: { ...it.now, rootFs: undefined } }, undefined, T);
    assert.equal(status.capacity?.['ephemeral-storage'], undefined);
    assert.equal(
      status.conditions?.at(-1)?.message,
      'missing node capacity for resources: ephemeral-storage',
    );
  });

  test('devices count, and so do resources someone has put on the node; those of ours that are gone are 0', async () => {
    const devices = {
      capacity: { 'example.com/gpu': '2', 'example.com/gone': '0' },
      allocatable: { 'example.com/gpu': '1', 'example.com/gone': '0' },
    };
    const previous = {
      capacity: { cpu: '64', 'example.com/gone': '4', 'example.com/license': '7', 'hugepages-16Mi': '1' },
    };
    const { capacity, allocatable } = nodeStatus(await inputs({ devices }), previous, T);
    assert.deepEqual(
      [capacity, allocatable].map((one) => [
        one?.['cpu'],
        one?.['example.com/gpu'],
        one?.['example.com/gone'],
        one?.['example.com/license'],
        one?.['hugepages-16Mi'],
      ]),
      [
        ['2', '2', '0', '7', undefined],
        ['2', '1', '0', '7', undefined],
      ],
    );
  });

  test('huge pages that are set apart are no memory of pods', async () => {
    const it = await inputs();
    const machine = { ...it.machine, hugepages: new Map([['2Mi', 64 * 2 ** 20]]) };
    const { capacity, allocatable } = nodeStatus({ ...it, machine }, undefined, T);
    assert.equal(capacity?.['hugepages-2Mi'], '64Mi');
    assert.equal(allocatable?.['memory'], `${24_684_092 - 102_400 - 65_536}Ki`);
  });

  test('what eviction keeps free is allocatable when the configuration says so', async () => {
    const config = edgedConfig({ rootDir: '/', ignoreEvictionThreshold: true });
    const { allocatable, capacity } = nodeStatus(await inputs({ config }), undefined, T);
    assert.equal(allocatable?.['memory'], capacity?.['memory']);
  });

  test('volumes in use are sorted, and until they are known those reported before stand', async () => {
    const of = async (volumesInUse: readonly string[] | undefined) =>
      nodeStatus(await inputs({ volumesInUse }), { volumesInUse: ['old'] }, T).volumesInUse;
    assert.deepEqual(await of(['b', 'a']), ['a', 'b']);
    assert.deepEqual(await of(undefined), ['old']);
    assert.equal(await of([]), undefined);
  });

  test('what the runtime can do is said to a cluster that keeps it', async () => {
    const handlers = [{ name: 'runc', features: { recursiveReadOnlyMounts: true, userNamespaces: false } }];
    const features = { supplementalGroupsPolicy: true };
    const runtime = { name: 'containerd', version: '2.0.0', handlers, features };
    const of = async (clusterVersion: string | undefined) => {
      const status = nodeStatus(await inputs({ runtime, clusterVersion }), undefined, T);
      return [status.runtimeHandlers, (status as { features?: unknown }).features];
    };
    assert.deepEqual(await of('v1.33.1'), [handlers, features]);
    assert.deepEqual(await of('v1.31.0'), [handlers, undefined]);
    assert.deepEqual(await of('v1.30.4'), [undefined, undefined]);
    assert.deepEqual(await of(undefined), [undefined, undefined]);
  });

  test('the version follows the cluster down, never up', () => {
    const cases: Record<string, string> = {
      'v1.31.2': 'v1.31.2-kubeedge-v1.23.1',
      'v1.32.9+k3s1': 'v1.32.9-kubeedge-v1.23.1',
      'v1.28.15-eks-1': 'v1.28.15-kubeedge-v1.23.1',
      'v1.32.10': 'v1.32.10-kubeedge-v1.23.1',
      'v1.34.0': 'v1.32.10-kubeedge-v1.23.1',
      '1.9.0': 'v1.9.0-kubeedge-v1.23.1',
      nonsense: 'v1.32.10-kubeedge-v1.23.1',
    };
    for (const [cluster, version] of Object.entries(cases)) assert.equal(kubeletVersion(cluster), version);
    assert.equal(kubeletVersion(undefined), 'v1.32.10-kubeedge-v1.23.1');
  });

  test('heartbeats move always, transitions only with the status', async () => {
    const first = nodeStatus(await inputs(), undefined, T);
    const next = nodeStatus(await inputs({ health: ['x'] }), first, T + 10_000);
    const times = next.conditions?.map(({ type, lastHeartbeatTime, lastTransitionTime }) => [
      type,
      lastHeartbeatTime,
      lastTransitionTime,
    ]);
    assert.deepEqual(times?.[0], ['MemoryPressure', '2026-11-22T14:08:59Z', '2026-11-22T14:08:49Z']);
    assert.deepEqual(times?.[3], ['Ready', '2026-11-22T14:08:59Z', '2026-11-22T14:08:59Z']);
  });
});

describe('facts of the machine', () => {
  test('the address: configured, or of the default route', async () => {
    const of = async (fields: object) =>
      (await readConditions(upstreamHost, edgedConfig({ rootDir: '/', ...fields }))).addresses;
    assert.deepEqual(await of({ nodeIP: '203.0.113.9' }), ['203.0.113.9']);
    assert.deepEqual(await of({}), ['192.0.2.10']);
    assert.deepEqual(await of({ nodeName: '203.0.113.8' }), ['203.0.113.8']);
    const named = { ...upstreamHost, resolve: async () => ['127.0.1.1', '198.51.100.7'] };
    assert.deepEqual((await readConditions(named, edgedConfig({ rootDir: '/' }))).addresses, [
      '198.51.100.7',
    ]);
    assert.equal(defaultRouteInterface('nonsense'), undefined);
    assert.deepEqual(await of({ nodeIP: '192.0.2.1, 2001:db8::1' }), ['192.0.2.1', '2001:db8::1']);
    assert.deepEqual(await of({ nodeIP: '192.0.2.1,192.0.2.2' }), ['192.0.2.1']);
    assert.deepEqual(await of({ nodeIP: 'not an address' }), ['192.0.2.10']);
  });

  test('the address of a machine with IPv6: asked for, or the only one', async () => {
    const v6 = (address: string, internal = false) =>
      ({ address, internal, family: 'IPv6' as const }) as never;
    const route = `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} ffffffff 00000001 00000000 00200200 lo`;
    const dual = {
      ...upstreamHost,
      readText: async (path: string) =>
        path === '/proc/net/ipv6_route' ? route : upstreamHost.readText(path),
      interfaces: () => ({
        ...upstreamHost.interfaces(),
        eth0: [...(upstreamHost.interfaces()['eth0'] ?? []), v6('fe80::1'), v6('2001:db8::10')],
      }),
    };
    const only6 = {
      ...dual,
      interfaces: () => ({ lo: [v6('::1', true)], eth0: [v6('fe80::1'), v6('2001:db8::10')] }),
    };
    const of = async (host: typeof dual, nodeIP = '') =>
      (await readConditions(host, edgedConfig({ rootDir: '/', nodeIP }))).addresses;
    assert.deepEqual(await of(dual), ['192.0.2.10']);
    assert.deepEqual(await of(dual, '::'), ['2001:db8::10']);
    assert.deepEqual(await of(only6), ['2001:db8::10']);
    assert.deepEqual(await of({ ...only6, readText: async () => undefined }), ['2001:db8::10']);
  });
  test('files that lack lines or are odd do no harm', () => {
    assert.equal(meminfo('', 'MemTotal'), 0);
    assert.equal(prettyName(''), 'Linux');
    assert.equal(prettyName("PRETTY_NAME='a b'"), 'a b');
  });
  test('the runtime version is cut as upstream cuts it', () => {
    const of = (version: string) => runtimeVersion({ name: 'c', version });
    assert.deepEqual(['1.6.20~ds1', 'v1.7.0', '1.7.0-rc.1', '2.0.0+unknown', '1.26', 'weird'].map(of), [
      'c://1.6.20',
      'c://1.7.0',
      'c://1.7.0-rc.1',
      'c://2.0.0+unknown',
      'c://1.26',
      'c://weird',
    ]);
  });
});
