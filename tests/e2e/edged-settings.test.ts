import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { Pod } from '@kubeedge-ts/apis';
import { busyboxImage } from '@kubeedge-ts/testing/containerd';
import type { MemoryMeta } from '../../apps/edgecore/src/edged/testing/memory-meta.ts';
import { container } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';
import { APP_IMAGE, NO_DIRECTORIES, settingsPods } from './lib/settings-pods.ts';

const MiB = 2 ** 20;
const API = { host: '169.254.30.10', port: '10550' };

let bed: EdgedBed;
let meta: MemoryMeta;
/** Told at once; each test waits for its own. */
let pods: Map<string, Pod>;

const running = (name: string) => bed.until(`${name} runs`, () => bed.isReady(name), 45_000);
const run = async (name: string, ...cmd: string[]): Promise<string> => {
  await running(name);
  return (await bed.exec(name, ...cmd)).trim();
};
/** A field of `/proc/1/status`. */
const status = async (name: string, field: string) =>
  new RegExp(`^${field}:\\s+(\\S+)`, 'm').exec(await run(name, 'cat', '/proc/1/status'))?.[1];
const waiting = (name: string, reason: string) =>
  bed.until(`${name} waits with ${reason}`, () => {
    const state = meta.statusOf(name)?.containerStatuses?.[0]?.state?.waiting;
    return state?.reason === reason ? state : undefined;
  });
const failed = (name: string) =>
  bed.until(`${name} is Failed`, () => (bed.phaseOf(name) === 'Failed' ? meta.statusOf(name) : undefined));
const uidOf = (name: string): string => pods.get(name)?.metadata.uid ?? '';

describe('settings of containers, with real containerd', { timeout: 300_000 }, () => {
  before(async () => {
    bed = await createEdgedBed({
      name: 'settings',
      service: API,
      config: {
        clusterDNS: ['10.96.0.10'],
        podPidsLimit: 40,
        allowedSysctls: ['net.core.*'],
        kubeReserved: { memory: '512Mi' },
      },
    });
    meta = bed.meta;
    await bed.containerd.importImages([
      { ...(await busyboxImage([APP_IMAGE])), user: '65534:65534', command: ['sleep', '1000'] },
    ]);
    const seccomp = join(bed.dir, 'kubelet/seccomp');
    await mkdir(seccomp, { recursive: true });
    await writeFile(join(seccomp, NO_DIRECTORIES.name), NO_DIRECTORIES.text);
    meta.putService({
      metadata: { name: 'my-db', namespace: 'default' },
      spec: { clusterIP: '10.0.0.7', ports: [{ name: 'sql', port: 5432 }] },
    });
    meta.putService({
      metadata: { name: 'kubernetes', namespace: 'default' },
      spec: { clusterIP: '10.0.0.1', ports: [{ name: 'https', port: 443 }] },
    });
    meta.putObject('configmap', 'default', 'app', { data: { mode: 'one', '1st': 'x' } });
    meta.putObject('runtimeclass', undefined, 'plain', { handler: 'runc' });
    meta.putObject('runtimeclass', undefined, 'kata', { handler: 'kata' });
    await bed.start();

    pods = settingsPods(gateway());
    for (const one of pods.values()) meta.putPod(one);
  });
  after(() => bed?.close());

  const gateway = () => bed.containerd.network.subnet.replace('.0/24', '.1');

  describe('users and groups', () => {
    test("a container's user overrides the pod's; its groups are fsGroup and the supplemental ones", async () => {
      const id = await run('groups', 'id');
      assert.match(id, /^uid=1001\D.*gid=2000/);
      const groups = /groups=(.*)$/.exec(id)?.[1]?.split(',').map(Number.parseFloat) ?? [];
      assert.deepEqual(groups.filter((group) => group !== 2000).sort(), [3000, 4000]);
    });
    test('a group without a user is enough', async () => {
      assert.match(await run('group-only', 'id'), /^uid=0\(root\) gid=2000/);
    });
    test("the image's user counts when the spec has none, and satisfies runAsNonRoot", async () => {
      assert.match(await run('image-user', 'id'), /^uid=65534/);
    });
    test('runAsNonRoot refuses an image that runs as root, in the kubelet’s words', async () => {
      const state = await waiting('root-refused', 'CreateContainerConfigError');
      assert.match(
        state.message ?? '',
        /^container has runAsNonRoot and image will run as root \(pod: "root-refused_default\(/,
      );
    });
  });

  describe('what a process may do', () => {
    test('capabilities: all dropped, one added', async () => {
      assert.equal(await status('caps', 'CapEff'), '0000000000001000');
    });
    test('privileged: all capabilities that containerd itself has, and the devices', async () => {
      const own = /^CapEff:\s+(\S+)/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1];
      assert.equal(await status('privileged', 'CapEff'), own);
      assert.notEqual(
        await run('privileged', 'sh', '-c', 'ls /dev | wc -l'),
        await run('plain', 'sh', '-c', 'ls /dev | wc -l'),
      );
    });
    test('a read-only root leaves volumes writable', async () => {
      const outcome = await run('read-only', 'sh', '-c', 'touch /x 2>&1; touch /w/x && echo written');
      assert.match(outcome, /Read-only file system\nwritten$/);
    });
    test('allowPrivilegeEscalation: false sets no_new_privs', async () => {
      assert.equal(await status('no-new-privs', 'NoNewPrivs'), '1');
      assert.equal(await status('plain', 'NoNewPrivs'), '0');
    });
    test('seccomp: the runtime’s profile filters, unconfined does not', async () => {
      assert.equal(await status('seccomp-default', 'Seccomp'), '2');
      assert.equal(await status('plain', 'Seccomp'), '0');
    });
    test('seccomp: a local profile is the node’s file', async () => {
      assert.equal(await status('seccomp-local', 'Seccomp'), '2');
      const outcome = await run('seccomp-local', 'sh', '-c', 'mkdir /tmp/x 2>&1; touch /tmp/y && echo fine');
      assert.match(outcome, /Operation not permitted\nfine$/);
    });
    test('proc is masked and read-only, unless procMount says otherwise', async () => {
      const masked = await run('plain', 'cat', '/proc/self/mountinfo');
      assert.match(masked, / \/proc\/sys ro/);
      assert.match(masked, / \/proc\/interrupts /);
      const unmasked = await run('unmasked', 'cat', '/proc/self/mountinfo');
      assert.doesNotMatch(unmasked, / \/proc\/(sys|interrupts) /);
    });
    test('an AppArmor profile, where the host has no AppArmor: the pod is refused', async () => {
      const { reason, message } = await failed('apparmor');
      assert.deepEqual(
        [reason, message],
        ['AppArmor', 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host'],
      );
    });
  });

  describe('sysctls', () => {
    test('safe ones and those the node allows have their value in the pod, in either form', async () => {
      const read = (path: string) => run('sysctls', 'cat', `/proc/sys/${path}`);
      assert.equal(await read('net/ipv4/ip_unprivileged_port_start'), '80');
      assert.equal(await read('net/core/somaxconn'), '1234');
      assert.equal(await read('kernel/shm_rmid_forced'), '1');
    });
    test('others: the pod is refused with SysctlForbidden', async () => {
      const { reason, message } = await failed('bad-sysctl');
      assert.deepEqual(
        [reason, message],
        ['SysctlForbidden', 'Pod was rejected: forbidden sysctl: "kernel.core_pattern" not allowlisted'],
      );
    });
  });

  describe('namespaces', () => {
    const own = (name: string, kind: string) => run(name, 'readlink', `/proc/1/ns/${kind}`);
    test('network, processes and IPC of the host, or of the pod', async () => {
      for (const kind of ['net', 'pid', 'ipc']) {
        const host = await readlink(`/proc/self/ns/${kind}`);
        assert.equal(await run('host-all', 'readlink', `/proc/self/ns/${kind}`), host, kind);
        assert.notEqual(await own('plain', kind), host, kind);
      }
    });
    test('shareProcessNamespace: containers see each other', async () => {
      assert.match(await run('shared-pids', 'ps'), /sleep 4321/);
      assert.doesNotMatch(await run('plain', 'ps'), /pause|\/busybox/);
    });
    test('an ephemeral container sees the processes of its target', async () => {
      await running('debugged');
      const it = pods.get('debugged')!;
      const debug = { ...container('debug', { command: ['sleep', '1000'] }), targetContainerName: 'main' };
      const { resources: _none, ...ephemeral } = debug;
      const changed = { ...it, spec: { ...it.spec!, ephemeralContainers: [ephemeral] } } as Pod;
      pods.set('debugged', changed);
      meta.putPod(changed);
      await bed.until(
        'debug runs',
        () => meta.statusOf('debugged')?.ephemeralContainerStatuses?.[0]?.state?.running,
      );
      assert.match(await bed.exec({ pod: 'debugged', container: 'debug' }, 'ps'), /sleep 5432/);
    });
  });

  describe('names and resolution', () => {
    test('hostname and subdomain: the short name in the kernel, the full one in /etc/hosts, then the aliases', async () => {
      assert.equal(await run('web-0', 'hostname'), 'web-0');
      const hosts = await run('web-0', 'cat', '/etc/hosts');
      const ip = meta.statusOf('web-0')?.podIP;
      assert.ok(hosts.startsWith('# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n'), hosts);
      assert.ok(
        hosts.endsWith(
          `${ip}\tweb-0.web.default.svc.cluster.local\tweb-0\n\n# Entries added by HostAliases.\n192.0.2.9\tprinter\tfax`,
        ),
        hosts,
      );
    });
    test('setHostnameAsFQDN: the full name in the kernel', async () => {
      assert.equal(await run('fqdn', 'hostname'), 'fqdn.s.default.svc.cluster.local');
    });
    test('ClusterFirst: the cluster’s server and domains', async () => {
      const lines = (await run('plain', 'cat', '/etc/resolv.conf')).split('\n');
      assert.match(lines[0] ?? '', /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/);
      assert.deepEqual(lines.slice(1), ['nameserver 10.96.0.10', 'options ndots:5']);
    });
    test('None: what the pod says, three servers at most, and an event about the fourth', async () => {
      assert.equal(
        await run('dns-none', 'cat', '/etc/resolv.conf'),
        'search site.example\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\noptions ndots:2 rotate',
      );
      await bed.until('event', () => meta.events.some(({ reason }) => reason === 'DNSConfigForming'));
    });
    test('Default and the host network: what the host has', async () => {
      const servers = (text: string) => text.match(/^nameserver .*$/gm) ?? [];
      const host = servers(await readFile('/etc/resolv.conf', 'utf8')).slice(0, 3);
      for (const name of ['dns-default', 'host-all']) {
        assert.deepEqual(servers(await run(name, 'cat', '/etc/resolv.conf')), host, name);
      }
    });
  });

  describe('resources', () => {
    const podPath = (name: string, qos = 'burstable/') => `kubepods/${qos}pod${uidOf(name)}`;
    const memoryBytes = async () =>
      Number(/^MemTotal:\s+(\d+) kB/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1]) * 1024;

    test('OOM scores: best effort first, burstable by their share, a sidecar not before its pod', async () => {
      assert.equal(await run('plain', 'cat', '/proc/1/oom_score_adj'), '1000');
      await running('burstable');
      const expected = String(1000 - Math.floor((1000 * 1024 * MiB) / (await memoryBytes())));
      for (const name of ['main', 'side']) {
        const score = await bed.exec({ pod: 'burstable', container: name }, 'cat', '/proc/1/oom_score_adj');
        assert.equal(score.trim(), expected, name);
      }
    });
    test('the hierarchy: all pods below what is reserved, burstable by their requests, best effort last', async () => {
      await Promise.all(['burstable', 'overhead', 'plain'].map(running));
      await bed.until(
        'shares',
        async () => (await bed.readCgroup('cpu', 'kubepods/burstable/cpu.shares')) === '409',
      );
      assert.equal(await bed.readCgroup('cpu', 'kubepods/besteffort/cpu.shares'), '2');
      const limit = Number(await bed.readCgroup('memory', 'kubepods/memory.limit_in_bytes'));
      assert.equal(limit, (await memoryBytes()) - 512 * MiB);
    });
    test('the pod’s own cgroup: shares, memory and processes, with the runtime’s overhead', async () => {
      await running('overhead');
      const at = (file: string) => bed.readCgroup(file.split('.')[0] ?? '', `${podPath('overhead')}/${file}`);
      assert.equal(await at('cpu.shares'), '307');
      assert.equal(await at('memory.limit_in_bytes'), String(128 * MiB));
      assert.equal(await at('cpu.cfs_quota_us'), '30000');
      assert.equal(await at('pids.max'), '40');
    });
    test('guaranteed pods are directly below all pods', async () => {
      await running('sure');
      assert.equal(
        await bed.readCgroup('memory', `${podPath('sure', '')}/memory.limit_in_bytes`),
        String(64 * MiB),
      );
    });
    test('no more processes than the node allows a pod', async () => {
      const spawn = '(i=0; while [ $i -lt 60 ]; do sleep 3 & i=$((i+1)); done) 2>&1; true';
      assert.match(await run('forking', 'sh', '-c', spawn), /can't fork/);
    });
    test('no swap beyond memory', async () => {
      await running('overhead');
      const path = `${podPath('overhead')}/${bed.containerId('overhead')}/memory.memsw.limit_in_bytes`;
      assert.equal(await bed.readCgroup('memory', path), String(64 * MiB));
    });
  });

  describe('environment', () => {
    const env = async (name: string) =>
      Object.fromEntries(
        (await run(name, 'env')).split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)),
      );
    test('variables of services are there and can be referred to; the API is the edge’s own', async () => {
      const seen = await env('env');
      assert.equal(seen['URL'], 'tcp://10.0.0.7:5432/one');
      assert.equal(seen['MY_DB_PORT_5432_TCP'], 'tcp://10.0.0.7:5432');
      assert.equal(seen['MY_DB_PORT_5432_TCP_PROTO'], 'tcp');
      assert.equal(seen['KUBERNETES_PORT_443_TCP_ADDR'], '10.0.0.1');
      assert.deepEqual(
        [seen['KUBERNETES_SERVICE_HOST'], seen['KUBERNETES_SERVICE_PORT']],
        [API.host, API.port],
      );
    });
    test('enableServiceLinks: false leaves the API only', async () => {
      const seen = await env('unlinked');
      assert.equal(seen['MY_DB_SERVICE_HOST'], undefined);
      assert.equal(seen['KUBERNETES_SERVICE_PORT_HTTPS'], '443');
    });
    test('keys that are no names of variables are skipped with an event', async () => {
      assert.equal((await env('env'))['1st'], undefined);
      const skipped = (reason?: string) => reason === 'InvalidEnvironmentVariableNames';
      await bed.until('event', () => meta.events.some(({ reason }) => skipped(reason)));
    });
  });

  describe('ports, terminals and directories', () => {
    test('host ports of one address of the node, each for its protocol', async () => {
      await running('ported');
      await bed.until('answers', () =>
        fetch(`http://${gateway()}:18580/`).then(
          async (answer) => (await answer.text()) === 'hello',
          () => false,
        ),
      );
      const { stdout } = await promisify(execFile)('iptables-save', ['-t', 'nat']);
      const target = `${meta.statusOf('ported')?.podIP}:5353`;
      const rule = stdout.split('\n').find((line) => line.includes(`--to-destination ${target}`)) ?? '';
      assert.match(rule, new RegExp(`-d ${gateway()}/32 -p udp .*--dport 18553 `));
    });
    test('a terminal with input, in the working directory', async () => {
      assert.match(await run('terminal', 'readlink', '/proc/1/fd/0'), /^\/dev\/pts\//);
      assert.equal(await run('terminal', 'readlink', '/proc/1/cwd'), '/var/work');
      assert.equal(await run('plain', 'readlink', '/proc/1/fd/0'), '/dev/null');
    });
  });

  describe('classes and images', () => {
    test('a RuntimeClass leads to the runtime’s handler', async () => {
      await running('classed');
      const { items } = await bed.cri.listPodSandbox({});
      const handler = (name: string) => items.find(({ metadata }) => metadata?.name === name)?.runtimeHandler;
      assert.deepEqual([handler('classed'), handler('plain')], ['runc', '']);
    });
    test('a handler that the runtime does not have: its own words', async () => {
      const state = await waiting('unknown-handler', 'FailedCreatePodSandBox');
      assert.match(state.message ?? '', /no runtime for "kata" is configured/);
    });
    test('a class that is not there: the kubelet’s words; tried again when there is news from the cloud', async () => {
      const state = await waiting('unknown-class', 'FailedCreatePodSandBox');
      assert.match(state.message ?? '', /runtimeclass\.node\.k8s\.io "none" not found$/);
      meta.putObject('runtimeclass', undefined, 'none', { handler: 'runc' });
      meta.setConnected(true);
      await running('unknown-class');
    });
    test('an image that may never be pulled', async () => {
      const state = await waiting('never', 'ErrImageNeverPull');
      assert.equal(
        state.message,
        'Container image "docker.io/library/none:1" is not present with pull policy of Never',
      );
    });
  });

  describe('last words', () => {
    const ended = async (name: string) => (await failed(name)).containerStatuses?.[0]?.state?.terminated;
    test('4 KiB of the termination log', async () => {
      const { exitCode, message = '' } = (await ended('last-words')) ?? {};
      assert.deepEqual([exitCode, message.length], [3, 4096]);
    });
    test('or the end of the log, where the policy wants it', async () => {
      const { exitCode, message } = (await ended('last-lines')) ?? {};
      assert.deepEqual([exitCode, message], [4, 'starting\nno paper\n']);
    });
  });

  test('all pods deleted: no container, mount, directory or cgroup of them is left', async () => {
    await bed.deleteAllPods();
    await bed.assertNothingLeft();
  });
});
