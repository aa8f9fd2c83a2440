import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import {
  cloudCoreSchema,
  defaultConfigYaml,
  durationMs,
  edgeCoreSchema,
  parseCloudCoreConfig,
  parseEdgeCoreConfig,
} from './index.ts';

const cloud = (text: string) =>
  parseCloudCoreConfig(text, 'cloudcore.yaml', { advertiseAddress: '192.0.2.1' });
const edge = (text: string) => parseEdgeCoreConfig(text, 'edgecore.yaml', { hostname: 'edge-a' });
const invalidAt = (path: string) => (error: unknown) =>
  isKubeEdgeError(error, 'CONFIG_INVALID') && error.details['path'] === path;

test('the minimal edgecore.yaml of upstream is enough', async () => {
  const { config, warnings } = await edge(`
apiVersion: edgecore.config.kubeedge.io/v1alpha2
kind: EdgeCore
modules:
  edgeHub:
    httpServer: https://192.0.2.1:10002
    token: abc.def
    websocket: {enable: true, server: "192.0.2.1:10000", handshakeTimeout: 30, readDeadline: 15, writeDeadline: 15}
  edged: {hostnameOverride: edge-b}
`);
  assert.equal(config.modules.edged.hostnameOverride, 'edge-b');
  assert.equal(config.modules.edgeHub.websocket.server, '192.0.2.1:10000');
  assert.equal(config.modules.edgeHub.heartbeat, 15);
  assert.equal(config.modules.edged.tailoredKubeletConfig.maxPods, 110);
  assert.deepEqual(warnings, []);
});

test('the minimal cloudcore.yaml of upstream is enough', async () => {
  const { config, warnings } = await cloud(
    'modules: {cloudHub: {advertiseAddress: [10.0.0.1], nodeLimit: 1000}}',
  );
  assert.deepEqual(config.modules.cloudHub.advertiseAddress, ['10.0.0.1']);
  assert.equal(config.modules.cloudHub.websocket.port, 10_000);
  assert.deepEqual(warnings, []);
});

test('an empty file means all defaults', async () => {
  assert.equal((await cloud('')).config.modules.cloudHub.https.port, 10_002);
  assert.equal((await edge('')).config.modules.edged.hostnameOverride, 'edge-a');
});

test('what --defaultconfig prints is read back without a warning', async () => {
  const cloudYaml = await defaultConfigYaml(cloudCoreSchema({ advertiseAddress: '192.0.2.1' }));
  assert.deepEqual((await cloud(cloudYaml)).warnings, []);
  const edgeYaml = await defaultConfigYaml(edgeCoreSchema({ hostname: 'edge-a' }));
  assert.deepEqual((await edge(edgeYaml)).warnings, []);
});

test('a field no release ever knew is refused with its path', async () => {
  await assert.rejects(edge('modules: {edgeHub: {hartbeat: 5}}'), invalidAt('modules.edgeHub.hartbeat'));
  await assert.rejects(cloud('modules: {cloudhub: {}}'), invalidAt('modules.cloudhub'));
});

test('a wrong type is refused with its path', async () => {
  await assert.rejects(edge('modules: {edgeHub: {heartbeat: soon}}'), invalidAt('modules.edgeHub.heartbeat'));
  await assert.rejects(
    cloud('modules: {cloudHub: {websocket: {port: 70000}}}'),
    invalidAt('modules.cloudHub.websocket.port'),
  );
  await assert.rejects(edge('[]'), invalidAt('(root)'));
});

test('eviction settings that mean nothing are refused with their path', async () => {
  const at = 'modules.edged.tailoredKubeletConfig';
  const kubelet = (fields: string) => edge(`modules: {edged: {tailoredKubeletConfig: {${fields}}}}`);
  const cases: [fields: string, path: string][] = [
    ['evictionHard: {memory.available: lots}', `${at}.evictionHard.memory.available`],
    ['evictionHard: {disk.available: 10%}', `${at}.evictionHard.disk.available`],
    ['evictionSoftGracePeriod: {memory.available: soon}', `${at}.evictionSoftGracePeriod.memory.available`],
    ['imageGCHighThresholdPercent: 101', `${at}.imageGCHighThresholdPercent`],
  ];
  for (const [fields, path] of cases) await assert.rejects(kubelet(fields), invalidAt(path), fields);
  const { warnings } = await kubelet(
    'evictionHard: {nodefs.available: 7.5%, pid.available: 1k}, imageMaximumGCAge: 24h',
  );
  assert.deepEqual(warnings, []);
});

test('text that is not YAML is refused with the line', async () => {
  await assert.rejects(edge('a: [1, 2'), (error: unknown) => isKubeEdgeError(error, 'CONFIG_NOT_YAML'));
});

test('a known field without effect here gets a warning', async () => {
  const { warnings } = await cloud('modules: {router: {enable: true}}');
  assert.deepEqual(warnings, ['modules.router.enable: true has no effect in this version']);
});

test('an explicit null leaves the default, as in Go', async () => {
  assert.equal((await edge('modules: {edgeHub: {heartbeat: null}}')).config.modules.edgeHub.heartbeat, 15);
});

test("a file of 1.9 is read as its successor's form", async () => {
  const { config, warnings } = await edge(`
apiVersion: edgecore.config.kubeedge.io/v1alpha1
kind: EdgeCore
modules:
  edged:
    hostnameOverride: ke-edge03
    labels: {site: north}
    clusterDNS: 169.254.96.16
    clusterDomain: cluster.local
    runtimeType: remote
    remoteRuntimeEndpoint: unix:///run/containerd/containerd.sock
    nodeStatusUpdateFrequency: 10
    concurrentConsumers: 5
`);
  const { edged } = config.modules;
  assert.deepEqual(edged.nodeLabels, { site: 'north' });
  assert.deepEqual(edged.tailoredKubeletConfig.clusterDNS, ['169.254.96.16']);
  assert.equal(
    edged.tailoredKubeletConfig.containerRuntimeEndpoint,
    'unix:///run/containerd/containerd.sock',
  );
  assert.deepEqual(warnings, []);
  await assert.rejects(
    edge('apiVersion: edgecore.config.kubeedge.io/v1alpha1\nmodules: {edged: {podsPerNode: 3}}'),
    invalidAt('modules.edged.podsPerNode'),
  );
});

test('durations are read as Go writes them', () => {
  assert.equal(durationMs('1m30s'), 90_000);
  assert.equal(durationMs('100ms'), 100);
});
