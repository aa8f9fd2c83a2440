import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startContainerd } from '@kubeedge-ts/testing/containerd';
import { startMosquitto } from '@kubeedge-ts/testing/mosquitto';
import { createCloud, createEdge, freePorts, until } from '@kubeedge-ts/testing/site';

// LESSONS A7: upstream's first start with the cloud unreachable ends the process.

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const dir = join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', 'waiting');
const cgroup = process.env['KUBEEDGE_TS_CGROUP'] ?? '';

test('edgecore starts with nothing there, waits, and recovers as runtime, broker, cloud and token appear', async (t) => {
  const [mqttPort, mqttInternal, kubeletPort] = (await freePorts(3)) as [number, number, number];
  const containerd = await startContainerd({ dir: join(dir, 'ctd'), cgroups: [`/${cgroup}`] });
  t.after(() => containerd.stop());
  await containerd.stopDaemon();
  const cloud = await createCloud({ root, dir: join(dir, 'cloud') });
  t.after(() => cloud.stop());
  const edge = createEdge({
    root,
    dir: join(dir, 'edge'),
    nodeName: 'patient',
    hubUrl: cloud.hubUrl,
    httpsUrl: cloud.httpsUrl,
    tunnelUrl: cloud.tunnelUrl,
    token: '""',
    runtimeEndpoint: containerd.endpoint,
    cgroup,
    mqttExternal: `tcp://127.0.0.1:${mqttPort}`,
    mqttInternal: `tcp://127.0.0.1:${mqttInternal}`,
    kubeletPort,
  });
  t.after(() => edge.stop());
  edge.start();
  const log = (): string => readFileSync(join(dir, 'edge/edgecore.log'), 'utf8');
  await until(
    'it says what is missing',
    () => log().includes('EDGE_TOKEN_MISSING') && log().includes('broker cannot be reached'),
    {
      timeoutMs: 30_000,
    },
  );
  assert.equal(edge.edgecore()?.running, true);

  const mosquitto = await startMosquitto({ port: mqttPort });
  t.after(() => mosquitto.stop());
  await until('the broker is found', () => log().includes('connected to the broker'), { timeoutMs: 60_000 });

  await cloud.startCluster();
  await cloud.startCloudcore();
  const config = readFileSync(edge.configFile, 'utf8');
  writeFileSync(edge.configFile, config.replace('token: ""', `token: ${await cloud.joinToken()}`));
  await until('the node is registered', () => cloud.kubectl(['get', 'node', 'patient']), {
    timeoutMs: 90_000,
  });
  const ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  assert.equal(
    await cloud.kubectl(['get', 'node', 'patient', '-o', ready]),
    'False',
    'without a runtime the node is not Ready',
  );

  await containerd.startDaemon();
  await until(
    'the node is Ready',
    async () => (await cloud.kubectl(['get', 'node', 'patient', '-o', ready])) === 'True',
    {
      timeoutMs: 60_000,
    },
  );
  assert.equal(edge.edgecore()?.running, true);
});
