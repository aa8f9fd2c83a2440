// 200 edges in processes of their own: pod update from the API write to the commit at the edge, and cloudcore's memory
// per control connection (DESIGN §10).
import { join } from 'node:path';
import { type Pod, pods } from '@kubeedge-ts/apis';
import { createKubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock } from '@kubeedge-ts/runtime';
import { createCloud, until } from '@kubeedge-ts/testing/site';
import { startHollowFleet } from './lib/hollow-fleet.ts';
import { memoryMb } from './lib/memory.ts';
import { report, round, summarise } from './lib/report.ts';
import { pause } from './lib/site.ts';

const EDGES = 200;
const PROCESSES = 10;
const UPDATES = 600;
const RATE_PER_SECOND = 30;

const root = process.env['KUBEEDGE_TS_ROOT'] ?? process.cwd();
const dir = process.env['KUBEEDGE_TS_RUN_DIR'] ?? '';
const cloud = await createCloud({ root, dir: join(dir, 'cloud') });
await cloud.startCluster();
await cloud.startCloudcore();
const cloudcore = cloud.cloudcore()?.pid ?? -1;
await pause(10_000);
const idleMb = memoryMb(cloudcore);

const names = Array.from({ length: EDGES }, (_, index) => `hollow-${index}`);
const commits = await startHollowFleet({ root, dir, cloud, names, processes: PROCESSES });
await pause(10_000);
const connectedMb = memoryMb(cloudcore);

const config = await loadKubeconfig({ path: cloud.kubeconfig, env: {} }, { clock: systemClock });
const client = createKubeClient(config, { clock: systemClock, userAgent: 'bench' });
const podOf = (node: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `pod-${node}`, namespace: 'default', annotations: { bench: `create-${node}` } },
  spec: { nodeName: node, containers: [{ name: 'main', image: 'busybox:1' }] },
});
for (const name of names) await client.create(pods, podOf(name));
await until('every edge has its pod', () => names.every((name) => commits.has(`create-${name}`)), {
  timeoutMs: 120_000,
});

const written = new Map<string, number>();
const writes: Promise<unknown>[] = [];
for (let update = 0; update < UPDATES; update++) {
  const marker = `update-${update}`;
  const name = `pod-${names[update % EDGES]}`;
  const body = { metadata: { annotations: { bench: marker } } };
  written.set(marker, Number(process.hrtime.bigint() / 1000n));
  writes.push(client.patch(pods, { namespace: 'default', name }, { type: 'merge', body }));
  await pause(1000 / RATE_PER_SECOND);
}
await Promise.all(writes);
await until('every update is committed', () => [...written.keys()].every((marker) => commits.has(marker)), {
  timeoutMs: 120_000,
});
await pause(10_000);
const afterUpdatesMb = memoryMb(cloudcore);
const latencies = [...written].map(([marker, at]) => ((commits.get(marker) ?? Number.NaN) - at) / 1000);
report(
  'hollow-edges',
  { edges: EDGES, edgeProcesses: PROCESSES, updates: UPDATES, ratePerSecond: RATE_PER_SECOND },
  {
    cloudcoreIdleMb: idleMb,
    cloudcoreConnectedMb: connectedMb,
    cloudcoreAfterUpdatesMb: afterUpdatesMb,
    kibPerConnection: round(((connectedMb - idleMb) * 1e6) / 1024 / EDGES),
    podUpdateMs: summarise(latencies),
  },
);
process.exit(0);
