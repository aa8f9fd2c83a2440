import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { CreateContainerRequest, RunPodSandboxRequest } from '@kubeedge-ts/cri';
import { type Bench, createBench } from './testing/bench.ts';
import { container, pod } from './testing/pods.ts';

let b: Bench;
beforeEach(async () => {
  b = await createBench();
  b.meta.clusterVersion = undefined;
});
afterEach(() => b.close());

const sandboxes = () => b.requests('RunPodSandbox') as readonly RunPodSandboxRequest[];
const containers = () => b.requests('CreateContainer') as readonly CreateContainerRequest[];
const eventsOf = (reason: string) => b.meta.events.filter((event) => event.reason === reason);
const message = (name: string) => b.mainOf(name)?.state?.waiting?.message ?? '';
const handler = (name: string, userNamespaces: boolean) => ({
  name,
  features: { userNamespaces, recursiveReadOnlyMounts: false },
});

describe('RuntimeClass', () => {
  test('a class that is missing keeps the pod waiting; once it is there its handler and overhead are used', async () => {
    b.fake.handlers = [handler('', true), handler('kata-qemu', false)];
    await b.start();
    const spec = { runtimeClassName: 'kata', overhead: { cpu: '250m', memory: '64Mi' } };
    b.meta.putPod(pod('web', spec));
    await b.until('waits', () => b.waitingReason('web') === 'FailedCreatePodSandBox');
    assert.match(
      message('web'),
      /^Failed to create sandbox for pod "web_default\(.*\)": runtimeclass\.node\.k8s\.io "kata" not found$/,
    );
    assert.equal(b.calls('RunPodSandbox'), 0);
    b.meta.putObject('runtimeclass', undefined, 'kata', { handler: 'kata-qemu' });
    await b.until('runs', () => b.runs('web'));
    assert.equal(sandboxes()[0]?.runtimeHandler, 'kata-qemu');
    assert.equal(sandboxes()[0]?.config?.linux?.overhead?.cpuShares, 256);
    assert.equal(sandboxes()[0]?.config?.linux?.overhead?.memoryLimitInBytes, 64 * 2 ** 20);
  });
});

describe('user namespaces (fake runtime: containerd 1.6 has none)', () => {
  test('refused until the runtime says it has them; then sandbox, container and mounts get the same ids', async () => {
    b.fake.handlers = [];
    await b.start();
    b.meta.putPod(pod('web', { hostUsers: false }));
    await b.until('waits', () => b.waitingReason('web') === 'FailedCreatePodSandBox');
    assert.equal(
      message('web'),
      "can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    );
    b.fake.handlers = [handler('', true)];
    await b.until('runs', () => b.runs('web'));
    const ids = [{ hostId: 65_536, containerId: 0, length: 65_536 }];
    const ofSandbox = sandboxes()[0]?.config?.linux?.securityContext?.namespaceOptions?.usernsOptions;
    const config = containers()[0]?.config;
    assert.deepEqual(ofSandbox, { mode: 0, uids: ids, gids: ids });
    assert.deepEqual(config?.linux?.securityContext?.namespaceOptions?.usernsOptions, ofSandbox);
    assert.ok((config?.mounts.length ?? 0) > 0);
    for (const mount of config?.mounts ?? [])
      assert.deepEqual([mount.uidMappings, mount.gidMappings], [ids, ids]);
  });
  test('of a RuntimeClass it is the handler’s word that counts', async () => {
    b.fake.handlers = [handler('', true), handler('kata', false)];
    await b.start();
    b.meta.putObject('runtimeclass', undefined, 'kata', { handler: 'kata' });
    b.meta.putPod(pod('web', { hostUsers: false, runtimeClassName: 'kata' }));
    await b.until('waits', () => b.waitingReason('web') === 'FailedCreatePodSandBox');
    assert.match(message('web'), /RuntimeClass handler "kata" does not support user namespaces$/);
  });
});

describe('isolation that the node cannot keep', () => {
  test('a forbidden sysctl: the pod is Failed with the reason, nothing is started', async () => {
    await b.start();
    const sysctls = [{ name: 'kernel.core_pattern', value: '|/bin/sh' }];
    b.meta.putPod(pod('web', { securityContext: { sysctls } }));
    await b.until('failed', () => b.meta.statusOf('web')?.phase === 'Failed');
    assert.equal(b.meta.statusOf('web')?.reason, 'SysctlForbidden');
    assert.equal(
      b.meta.statusOf('web')?.message,
      'Pod was rejected: forbidden sysctl: "kernel.core_pattern" not allowlisted',
    );
    assert.equal(b.calls('RunPodSandbox'), 0);
    await b.until('event', () => eventsOf('SysctlForbidden').length > 0);
  });
  test('strict groups wait for what the runtime says', async () => {
    const strict = { securityContext: { supplementalGroupsPolicy: 'Strict' } } as object;
    await b.fake.goAway();
    await b.start();
    b.meta.putPod(pod('early', strict));
    b.fake.features = { supplementalGroupsPolicy: true };
    await b.fake.comeBack();
    await b.until('runs', () => b.runs('early'));
    assert.equal(sandboxes()[0]?.config?.linux?.securityContext?.supplementalGroupsPolicy, 1);
  });
});

describe('what a pod is told of its surroundings', () => {
  test('variables of the services of its namespace and of the cluster’s API', async () => {
    const spec = { clusterIP: '10.0.0.7', ports: [{ port: 80 }] };
    b.meta.putService({ metadata: { name: 'db', namespace: 'site' }, spec });
    b.meta.putService({ metadata: { name: 'web', namespace: 'default' }, spec });
    b.meta.putService({ metadata: { name: 'kubernetes', namespace: 'default' }, spec });
    await b.start();
    const envOf = (name: string) =>
      Object.fromEntries(
        (
          containers().find(({ sandboxConfig }) => sandboxConfig?.metadata?.name === name)?.config?.envs ?? []
        ).map(({ key, value }) => [key, value]),
      );
    b.meta.putPod(pod('linked', {}, { namespace: 'site' }));
    b.meta.putPod(pod('alone', { enableServiceLinks: false }, { namespace: 'site' }));
    await b.until('run', () => b.runs('linked') && b.runs('alone'));
    assert.equal(envOf('linked')['DB_SERVICE_HOST'], '10.0.0.7');
    assert.equal(envOf('linked')['WEB_SERVICE_HOST'], undefined);
    assert.equal(envOf('linked')['KUBERNETES_PORT_80_TCP_ADDR'], '10.0.0.7');
    assert.equal(envOf('alone')['DB_SERVICE_HOST'], undefined);
    assert.equal(envOf('alone')['KUBERNETES_SERVICE_HOST'], '10.0.0.7');
  });

  test('events: no cluster DNS, keys of envFrom that are no names, images', async () => {
    b.meta.putObject('configmap', 'default', 'app', { data: { '1st': 'x', ok: 'y' } });
    await b.start();
    const envFrom = [{ configMapRef: { name: 'app' } }];
    b.meta.putPod(pod('web', { containers: [container('main', { envFrom })] }));
    await b.until('runs', () => b.runs('web'));
    const said = (reason: string) => b.until(reason, () => eventsOf(reason)[0]);
    assert.match((await said('MissingClusterDNS')).message ?? '', /Falling back to "Default" policy\.$/);
    const skipped = await said('InvalidEnvironmentVariableNames');
    assert.match(skipped.message ?? '', /^Keys \[1st\] from the EnvFrom configMap default\/app were skipped/);
    assert.equal(skipped.involvedObject.fieldPath, 'spec.containers{main}');
    assert.match((await said('Pulled')).message ?? '', /already present on machine$/);
  });
});
