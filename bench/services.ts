// 2,000 Services, updated all at once, until the last is committed at each of 40 edges of ours (DESIGN §10).
import { join } from 'node:path';
import { type Pod, pods, type Service, services } from '@kubeedge-ts/apis';
import { createKubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock } from '@kubeedge-ts/runtime';
import { createCloud, until } from '@kubeedge-ts/testing/site';
import { startHollowFleet } from './lib/hollow-fleet.ts';
import { memoryMb } from './lib/memory.ts';
import { report, round } from './lib/report.ts';
import { pause } from './lib/site.ts';

const EDGES = 40;
const PROCESSES = 4;
const SERVICES = 2_000;
const WRITERS = 32;

const root = process.env['KUBEEDGE_TS_ROOT'] ?? process.cwd();
const dir = process.env['KUBEEDGE_TS_RUN_DIR'] ?? '';
const cloud = await createCloud({ root, dir: join(dir, 'cloud') });
await cloud.startCluster();
await cloud.startCloudcore();
const cloudcore = cloud.cloudcore()?.pid ?? -1;

const names = Array.from({ length: EDGES }, (_, index) => `hollow-${index}`);
const commits = await startHollowFleet({
  root,
  dir,
  cloud,
  names,
  processes: PROCESSES,
  edges: { capabilities: 'services', services: SERVICES },
});

const config = await loadKubeconfig({ path: cloud.kubeconfig, env: {} }, { clock: systemClock });
const client = createKubeClient(config, { clock: systemClock, userAgent: 'bench' });
for (const name of names) {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${name}`, namespace: 'default' },
    spec: { nodeName: name, containers: [{ name: 'main', image: 'busybox:1' }] },
  };
  await client.create(pods, pod);
}

/** Calls `write` for every Service, some at a time. */
async function each(write: (name: string) => Promise<unknown>): Promise<void> {
  const left = Array.from({ length: SERVICES }, (_, index) => `service-${index}`);
  const writer = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) await write(name);
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}
const now = (): number => Number(process.hrtime.bigint() / 1000n);
const committed = async (port: number): Promise<number[]> => {
  const markers = names.map((name) => `services-${port}-${name}`);
  await until(`all edges have port ${port}`, () => markers.every((marker) => commits.has(marker)), {
    timeoutMs: 300_000,
  });
  return markers.map((marker) => commits.get(marker) ?? Number.NaN);
};

const created = now();
await each((name) =>
  client.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ port: 1000 }], selector: { app: name } },
  } as Service),
);
const createsWritten = now();
const createSeconds = (Math.max(...(await committed(1000))) - created) / 1e6;
// until the records have caught up
await pause(30_000);

const begun = now();
await each((name) =>
  client.patch(
    services,
    { namespace: 'default', name },
    { type: 'json', body: [{ op: 'replace', path: '/spec/ports/0/port', value: 2000 }] },
  ),
);
const written = now();
const last = Math.max(...(await committed(2000)));
report(
  'services',
  { edges: EDGES, services: SERVICES, writers: WRITERS },
  {
    createdToCommittedSeconds: round(createSeconds),
    createsWrittenSeconds: round((createsWritten - created) / 1e6),
    firstWriteToLastCommitSeconds: round((last - begun) / 1e6),
    writesSeconds: round((written - begun) / 1e6),
    lastWriteToLastCommitSeconds: round((last - written) / 1e6),
    cloudcoreMb: memoryMb(cloudcore),
  },
);
process.exit(0);
