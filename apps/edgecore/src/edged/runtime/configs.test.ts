import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, PodSpec } from '@kubeedge-ts/apis';
import { nodeResources } from '../testing/node-resources.ts';
import { container, pod } from '../testing/pods.ts';
import { containerConfigOf } from './container-config.ts';
import { containerHash, fnv1a32 } from './container-hash.ts';
import { sandboxConfigOf } from './sandbox-config.ts';

const parts = {
  podLogsDir: '/var/log/pods',
  cgroupParent: '/kubepods/besteffort/podu',
  clusterDomain: 'cluster.local',
  dns: { servers: ['9.9.9.9'] },
  resources: nodeResources(),
  security: {},
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
    const config = sandboxConfigOf(it, 2, parts);
    assert.deepEqual(config.metadata, { name: 'web', namespace: 'default', uid: 'u', attempt: 2 });
    assert.deepEqual(config.labels, {
      app: 'web',
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'default',
      'io.kubernetes.pod.uid': 'u',
    });
    assert.deepEqual(config.annotations, { a: 'b' });
    assert.deepEqual(config.dnsConfig, { servers: ['9.9.9.9'] });
    assert.equal(config.linux?.cgroupParent, '/kubepods/besteffort/podu');
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
    const config = sandboxConfigOf(it, 0, parts);
    assert.equal(config.hostname, '');
    assert.deepEqual(config.portMappings, []);
    assert.deepEqual(config.linux?.securityContext?.namespaceOptions, { network: 2, pid: 2, ipc: 2 });
  });

  test('a mapping is said once, and those of sidecars too', () => {
    const ports = [{ containerPort: 80, hostPort: 8080 }];
    const sidecar = container('s', { restartPolicy: 'Always', ports: [{ containerPort: 81 }] });
    const passing = container('i', { ports: [{ containerPort: 82 }] });
    const it = pod('web', {
      initContainers: [sidecar, passing],
      containers: [container('a', { ports }), container('b', { ports })],
    });
    assert.deepEqual(sandboxConfigOf(it, 0, parts).portMappings, [
      { protocol: 0, containerPort: 80, hostPort: 8080, hostIp: '' },
      { protocol: 0, containerPort: 81, hostPort: 0, hostIp: '' },
    ]);
  });
});

describe('the container', () => {
  const containerParts = {
    attempt: 2,
    image: { id: 'sha256:aa', repoTags: [], repoDigests: [], size: 1, username: '', pinned: false },
    environment: new Map([['A', 'b']]),
    mounts: [],
    devices: [],
    resources: {},
    security: { rootDir: '/var/lib/kubelet', seccompDefault: false, thermalPaths: ['/sys/x'] },
    isolation: {},
  };
  const of = (fields: Partial<Container> = {}, spec: Partial<PodSpec> = {}) =>
    containerConfigOf(pod('web', spec, { uid: 'u' }), container('c', fields), containerParts);

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

  test('in a user namespace of its own, files keep their owners through the mounts (what the runtime is asked: containerd 1.6 has none)', () => {
    const ids = [{ hostId: 65_536, containerId: 0, length: 65_536 }];
    const mounts = [{ containerPath: '/a', hostPath: '/b' }];
    const config = containerConfigOf(pod('web'), container('c'), {
      ...containerParts,
      mounts,
      isolation: { users: { mode: 0, uids: ids, gids: ids } },
    });
    assert.deepEqual(config.mounts, [
      { containerPath: '/a', hostPath: '/b', uidMappings: ids, gidMappings: ids },
    ]);
    assert.deepEqual(config.linux?.securityContext?.namespaceOptions?.usernsOptions?.uids, ids);
  });
});
