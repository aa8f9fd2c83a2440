import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, PodSpec } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { container, pod } from '../testing/pods.ts';
import { containerConfigOf } from './container-config.ts';
import { containerHash, fnv1a32 } from './container-hash.ts';
import { dnsConfigOf, parseResolvConf } from './dns.ts';
import { hostnameOf, hostsFileOf } from './hosts-file.ts';
import { sandboxConfigOf } from './sandbox-config.ts';
import { containerSecurity } from './security-context.ts';
import { tailOfLog } from './termination-message.ts';

const host = { servers: ['9.9.9.9'], searches: ['lan'], options: ['timeout:1'] };
const context = {
  podLogsDir: '/var/log/pods',
  cgroupParent: '/kubepods/besteffort/podu',
  clusterDNS: [],
  clusterDomain: 'cluster.local',
  host,
};

describe('the sandbox', () => {
  test('carries name, labels, logs, ports, network and the seccomp default', () => {
    const it = pod(
      'web',
      {
        containers: [
          container('c', {
            ports: [{ containerPort: 80, hostPort: 8080, protocol: 'UDP', hostIP: '1.2.3.4' }],
          }),
        ],
        securityContext: {
          runAsUser: 7,
          fsGroup: 8,
          supplementalGroups: [9],
          sysctls: [{ name: 'a.b', value: '1' }],
        },
      },
      { uid: 'u', labels: { app: 'web' }, annotations: { a: 'b' } },
    );
    const config = sandboxConfigOf(it, 2, context);
    assert.deepEqual(config.metadata, { name: 'web', namespace: 'default', uid: 'u', attempt: 2 });
    assert.deepEqual(config.labels, {
      app: 'web',
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'default',
      'io.kubernetes.pod.uid': 'u',
    });
    assert.deepEqual(config.annotations, { a: 'b' });
    assert.equal(config.logDirectory, '/var/log/pods/default_web_u');
    assert.equal(config.hostname, 'web');
    assert.deepEqual(config.portMappings, [
      { protocol: 1, containerPort: 80, hostPort: 8080, hostIp: '1.2.3.4' },
    ]);
    const security = config.linux?.securityContext;
    assert.deepEqual(config.linux?.sysctls, { 'a.b': '1' });
    assert.deepEqual(security?.namespaceOptions, { network: 0, pid: 1, ipc: 0 });
    assert.deepEqual(security?.supplementalGroups, [8, 9]);
    assert.deepEqual(security?.runAsUser, { value: 7 });
    assert.deepEqual(security?.seccomp, { profileType: 0 });
  });

  test('on the host network has no name, no ports and the node namespaces asked for', () => {
    const it = pod('web', { hostNetwork: true, hostPID: true, hostIPC: true });
    const config = sandboxConfigOf(it, 0, context);
    assert.equal(config.hostname, '');
    assert.deepEqual(config.portMappings, []);
    assert.deepEqual(config.linux?.securityContext?.namespaceOptions, { network: 2, pid: 2, ipc: 2 });
  });

  test('host names are short, and full ones not longer than Linux takes', () => {
    assert.equal(hostnameOf(pod('a'.repeat(62) + '-bcd')), 'a'.repeat(62));
    assert.equal(hostnameOf(pod('x', { hostname: 'y' })), 'y');
    const full = pod('x', { subdomain: 's', setHostnameAsFQDN: true });
    assert.equal(sandboxConfigOf(full, 0, context).hostname, 'x.s.default.svc.cluster.local');
    const long = pod('x'.repeat(50), { subdomain: 's', setHostnameAsFQDN: true });
    assert.throws(
      () => sandboxConfigOf(long, 0, context),
      (error) => isKubeEdgeError(error, 'EDGED_POD_CONFIG'),
    );
  });
});

describe('name resolution', () => {
  const of = (spec: Partial<PodSpec>, clusterDNS: string[] = ['10.0.0.10']) =>
    dnsConfigOf(pod('web', spec), { ...context, clusterDNS });
  const cases: [string, Partial<PodSpec>, string[], object][] = [
    [
      'ClusterFirst',
      {},
      ['10.0.0.10'],
      {
        servers: ['10.0.0.10'],
        searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan'],
        options: ['ndots:5'],
      },
    ],
    ['ClusterFirst without a cluster DNS is the host', {}, [], host],
    ['ClusterFirst on the host network is the host', { hostNetwork: true }, ['10.0.0.10'], host],
    ['Default is the host', { dnsPolicy: 'Default' }, ['10.0.0.10'], host],
    [
      'None is only what the pod says',
      {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['1.1.1.1', '1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'],
          searches: ['a'],
          options: [{ name: 'x', value: '1' }, { name: 'y' }],
        },
      },
      [],
      { servers: ['1.1.1.1', '2.2.2.2', '3.3.3.3'], searches: ['a'], options: ['x:1', 'y'] },
    ],
    [
      "the pod's options replace those of the same name",
      { dnsPolicy: 'Default', dnsConfig: { options: [{ name: 'timeout', value: '9' }] } },
      [],
      { ...host, options: ['timeout:9'] },
    ],
  ];
  for (const [title, spec, dns, expected] of cases) {
    test(title, () => assert.deepEqual(of(spec, dns), expected));
  }
  test('resolv.conf', () => {
    assert.deepEqual(
      parseResolvConf(
        '# c\nnameserver 1.1.1.1\n nameserver\t2.2.2.2 ; x\ndomain old\nsearch a b\noptions ndots:2 rotate\nnameserver\n',
      ),
      { servers: ['1.1.1.1', '2.2.2.2'], searches: ['a', 'b'], options: ['ndots:2', 'rotate'] },
    );
  });
});

describe('/etc/hosts', () => {
  test('of a pod', () => {
    const it = pod('web', { subdomain: 's', hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] });
    assert.equal(
      hostsFileOf(it, { podIPs: ['10.0.0.2'], clusterDomain: 'cluster.local', hostFile: '' }),
      '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
        'fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n' +
        '10.0.0.2\tweb.s.default.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n',
    );
  });
  test('on the host network', () => {
    const it = pod('web', { hostNetwork: true });
    assert.equal(
      hostsFileOf(it, { podIPs: [], clusterDomain: '', hostFile: '127.0.0.1 localhost\n' }),
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n',
    );
  });
});

describe('the container', () => {
  const parts = {
    attempt: 2,
    image: { id: 'sha256:aa', repoTags: [], repoDigests: [], size: 1, username: '', pinned: false },
    environment: new Map([['A', 'b']]),
    mounts: [],
    devices: [],
    resources: {},
    security: { rootDir: '/var/lib/kubelet', seccompDefault: false, thermalPaths: ['/sys/x'] },
  };
  const of = (fields: Partial<Container> = {}, spec: Partial<PodSpec> = {}) =>
    containerConfigOf(pod('web', spec, { uid: 'u' }), container('c', fields), parts);

  test('carries name, image, expanded words, labels and annotations', () => {
    const config = of(
      {
        command: ['run', '$(A)'],
        args: ['$(NONE)'],
        ports: [{ containerPort: 80 }],
        workingDir: '/w',
        tty: true,
      },
      { terminationGracePeriodSeconds: 9 },
    );
    assert.deepEqual(config.metadata, { name: 'c', attempt: 2 });
    assert.equal(config.image?.image, 'sha256:aa');
    assert.equal(config.image?.userSpecifiedImage, 'docker.io/library/busybox:1');
    assert.deepEqual([config.command, config.args], [['run', 'b'], ['$(NONE)']]);
    assert.equal(config.logPath, 'c/2.log');
    assert.equal(config.labels?.['io.kubernetes.container.name'], 'c');
    assert.deepEqual(config.annotations, {
      'io.kubernetes.container.hash': containerHash('c', 'docker.io/library/busybox:1'),
      'io.kubernetes.container.restartCount': '2',
      'io.kubernetes.container.terminationMessagePath': '/dev/termination-log',
      'io.kubernetes.container.terminationMessagePolicy': 'File',
      'io.kubernetes.pod.terminationGracePeriod': '9',
      'io.kubernetes.container.ports': '[{"containerPort":80}]',
      'edged.kubeedge.io/spec-image': 'docker.io/library/busybox:1',
    });
  });

  test('the hash is FNV-1a, in hexadecimal, and changes with name and image', () => {
    assert.equal(fnv1a32('').toString(16), '811c9dc5');
    assert.equal(fnv1a32('foobar').toString(16), 'bf9cf968');
    assert.notEqual(containerHash('a', 'x'), containerHash('b', 'x'));
    assert.notEqual(containerHash('a', 'x'), containerHash('a', 'y'));
  });

  test("the container's security settings override the pod's", () => {
    const security = containerSecurity(
      pod('web', {
        securityContext: { runAsUser: 1, runAsGroup: 2, seccompProfile: { type: 'RuntimeDefault' } },
      }),
      container('c', {
        securityContext: {
          runAsUser: 3,
          capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          procMount: 'Unmasked',
        },
      }),
      undefined,
      parts.security,
    );
    assert.deepEqual(security.runAsUser, { value: 3 });
    assert.deepEqual(security.runAsGroup, { value: 2 });
    assert.deepEqual(security.capabilities, { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] });
    assert.equal(security.noNewPrivs, true);
    assert.equal(security.readonlyRootfs, true);
    assert.deepEqual(security.maskedPaths, []);
    assert.deepEqual(security.seccomp, { profileType: 0 });
  });

  test("the image's user counts when the spec has none; runAsNonRoot refuses root and names", () => {
    const of = (image: object, nonRoot: boolean) =>
      containerSecurity(
        pod('web', { securityContext: { runAsNonRoot: nonRoot } }),
        container('c'),
        { username: '', ...image },
        parts.security,
      );
    assert.deepEqual(of({ uid: { value: 5 } }, true).runAsUser, { value: 5 });
    assert.equal(of({ username: 'app' }, false).runAsUsername, 'app');
    assert.ok(of({}, false).maskedPaths?.includes('/sys/x'));
    for (const image of [{}, { uid: { value: 0 } }, { username: 'app' }]) {
      assert.throws(
        () => of(image, true),
        (error) => isKubeEdgeError(error, 'EDGED_CONTAINER_CONFIG'),
      );
    }
  });
});

describe('the last words of a log', () => {
  test('partial lines are joined; 80 lines, 2 KiB', () => {
    const at = '2026-11-22T00:00:00.000000001Z';
    assert.equal(tailOfLog(`${at} stdout P ab\n${at} stderr F c\nnonsense\n${at} stdout F d\n`), 'abc\nd\n');
    const many = Array.from({ length: 100 }, (_, i) => `${at} stdout F ${i}`).join('\n');
    assert.equal(tailOfLog(many).split('\n')[0], '20');
    assert.equal(tailOfLog(`${at} stdout F ${'x'.repeat(5000)}`).length, 2048);
  });
});
