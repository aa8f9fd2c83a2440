// What kubectl's streams cost and leave to others (issue "kubectl at the edge"): throughput of one stream, the round trip
// of an exec beside that of the runtime alone, and lease and pod-status latency while ten streams carry all they can.
//
// Lease: from the time the edge writes into it to its arrival at a watch. Pod status: a readiness gate is opened or
// closed in the API, the edge judges the pod anew, and its Ready condition comes back: down and up once.

import { readFileSync, writeFileSync } from 'node:fs';
import { type KubeObject, type Lease, leases, type Pod, pods, type Resource } from '@kubeedge-ts/apis';
import { createCriClient } from '@kubeedge-ts/cri';
import { createKubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock as clock } from '@kubeedge-ts/runtime';
import { type ChannelOptions, openChannels } from '@kubeedge-ts/testing/channel-client';
import { until } from '@kubeedge-ts/testing/site';
import { applyPods, kubeletReachable, podRuns, STAY, shellPod } from '../tests/e2e/lib/edge-shell.ts';
import { report, round, summarise } from './lib/report.ts';
import { benchSite, NODE_NAME, pause } from './lib/site.ts';

const STREAMS = 10;
const EXECS = 60;
const ONE_STREAM_SECONDS = 10;
const LOAD_SECONDS = 60;
const QUIET_SECONDS = 20;
const GATE = 'kubeedge-ts.io/bench';
/** Goes on until its reader is gone. */
const POUR = ['exec', 'shell', '--', 'dd', 'if=/dev/zero', 'bs=64k'];

const site = await benchSite();
const { kubectl } = site.cloud;
// a lease every second instead of every ten
await site.edge.stop();
const config = readFileSync(site.edge.configFile, 'utf8');
writeFileSync(
  site.edge.configFile,
  config.replace('readOnlyPort:', 'nodeLeaseDurationSeconds: 4\n      readOnlyPort:'),
);
site.edge.start();
await kubeletReachable(kubectl, NODE_NAME);
const gated = shellPod('gated', NODE_NAME, STAY) as { spec: { readinessGates?: object[] } };
gated.spec.readinessGates = [{ conditionType: GATE }];
await applyPods(kubectl, [shellPod('shell', NODE_NAME, STAY), gated]);
await podRuns(kubectl, 'shell');
await podRuns(kubectl, 'gated');

const cluster = await loadKubeconfig({ path: site.cloud.kubeconfig, env: {} }, { clock });
const kube = createKubeClient(cluster, { clock, userAgent: 'bench' });

const isReady = (pod: Pod): string | undefined =>
  pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status;

/** Opens and closes the gate until the time is over; ms from the request to the condition that answers it. */
async function podStatusLatencies(signal: AbortSignal): Promise<number[]> {
  const took: number[] = [];
  const key = { namespace: 'default', name: 'gated' };
  const seen = watched(pods, 'default', 'gated', isReady, signal);
  for (let turn = 0; !signal.aborted; turn++) {
    const wanted = turn % 2 === 0 ? 'True' : 'False';
    const begun = performance.now();
    const body = { status: { conditions: [{ type: GATE, status: wanted }] } };
    await kube.patch(pods, key, { type: 'strategic', body }, { subresource: 'status' });
    const answered = await seen.when((ready) => ready === wanted);
    // over before there was an answer
    if (signal.aborted) break;
    took.push(answered - begun);
    await pause(100);
  }
  return took;
}

/** Ms from the time in the lease to its arrival here. */
async function leaseLatencies(signal: AbortSignal): Promise<number[]> {
  const took: number[] = [];
  const renewed = (lease: Lease): string | undefined => lease.spec?.renewTime;
  const seen = watched(leases, 'kube-node-lease', NODE_NAME, renewed, signal);
  let last = await seen.value();
  while (!signal.aborted) {
    const before = last;
    await seen.when((time) => time !== before);
    if (signal.aborted) break;
    last = await seen.value();
    took.push(Date.now() - Date.parse(last ?? ''));
  }
  return took;
}

/** What a watch last said of one object. */
function watched<T extends KubeObject>(
  resource: Resource<T>,
  namespace: string,
  name: string,
  read: (object: T) => string | undefined,
  signal: AbortSignal,
) {
  let current: string | undefined;
  const waiting = new Set<() => void>();
  const follow = async (): Promise<void> => {
    const events = kube.watch(resource, { namespace, fieldSelector: `metadata.name=${name}`, signal });
    for await (const event of events) {
      if (event.type === 'BOOKMARK') continue;
      current = read(event.object);
      for (const look of waiting) look();
    }
  };
  follow().catch((error: unknown) => {
    if (!signal.aborted) throw error;
    for (const look of waiting) look();
  });
  /** Resolves with the time (`performance.now`) at which the value was as wanted, or the signal aborted. */
  const when = (wanted: (value: string | undefined) => boolean): Promise<number> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!signal.aborted && !wanted(current)) return;
        waiting.delete(look);
        resolve(performance.now());
      };
      waiting.add(look);
      look();
    });
  return {
    when,
    async value() {
      await when((value) => value !== undefined);
      return current;
    },
  };
}

async function latencies(seconds: number) {
  const over = new AbortController();
  const stop = clock.after(seconds * 1_000, () => over.abort());
  const [lease, podStatus] = await Promise.all([
    leaseLatencies(over.signal),
    podStatusLatencies(over.signal),
  ]);
  stop();
  return { leaseMs: summarise(lease), podStatusMs: summarise(podStatus) };
}

/** A kubectl whose output is counted and thrown away. */
function pour(): { bytes(): number; end(): void } {
  const child = kubectl.start(POUR);
  let bytes = 0;
  child.stdout.on('data', (part: Buffer) => {
    bytes += part.length;
  });
  return { bytes: () => bytes, end: () => void child.kill() };
}

async function oneStream(): Promise<number> {
  const stream = pour();
  await until('it flows', () => stream.bytes() > 0, { timeoutMs: 30_000 });
  const [begun, already] = [performance.now(), stream.bytes()];
  await pause(ONE_STREAM_SECONDS * 1_000);
  const megabytesPerSecond = (stream.bytes() - already) / 1e3 / (performance.now() - begun);
  stream.end();
  return round(megabytesPerSecond);
}

async function roundTrips(open: () => Promise<string>, options: ChannelOptions): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < EXECS; turn++) {
    const begun = performance.now();
    const client = await openChannels(await open(), ['v4.channel.k8s.io'], options);
    const { status } = await client.status;
    if (status !== 'Success') throw new Error(`exec ended with ${status}`);
    times.push(performance.now() - begun);
  }
  return times;
}

const { cert, key, authorization } = await cluster.authenticator.credentials(undefined);
const throughApi: ChannelOptions = {
  ca: cluster.ca,
  cert,
  key,
  ...(authorization === undefined ? {} : { headers: { authorization } }),
};
const api = String(cluster.server).replace(/^http/, 'ws').replace(/\/$/, '');
const execUrl = `${api}/api/v1/namespaces/default/pods/shell/exec?command=true&stdout=1&stderr=1`;
const cri = createCriClient({ endpoint: site.containerd.endpoint, clock, requestTimeoutMs: 10_000 });
const containerId = await runningShell();
const direct = async (): Promise<string> => {
  const { url } = await cri.exec({ containerId, cmd: ['true'], stdout: true, stderr: true });
  return url.replace(/^http/, 'ws');
};

const runtimeAlone = summarise(await roundTrips(direct, {}));
const throughTheCloud = summarise(await roundTrips(async () => execUrl, throughApi));
const megabytesPerSecond = await oneStream();
const quiet = await latencies(QUIET_SECONDS);
const streams = Array.from({ length: STREAMS }, pour);
await until('all ten flow', () => streams.every((stream) => stream.bytes() > 0), { timeoutMs: 60_000 });
const before = streams.map((stream) => stream.bytes());
const begun = performance.now();
const loaded = await latencies(LOAD_SECONDS);
const seconds = (performance.now() - begun) / 1_000;
const each = streams.map((stream, index) => round((stream.bytes() - (before[index] ?? 0)) / 1e6 / seconds));
for (const stream of streams) stream.end();

report(
  'tunnel',
  { streams: STREAMS, execs: EXECS, loadSeconds: LOAD_SECONDS, quietSeconds: QUIET_SECONDS },
  {
    oneStreamMegabytesPerSecond: megabytesPerSecond,
    execMs: { runtimeAlone, throughTheCloud, ratio: round(throughTheCloud.p50 / runtimeAlone.p50) },
    quiet,
    tenStreams: { ...loaded, megabytesPerSecondEach: summarise(each) },
  },
);
cri.close();
kube.close();
await site.stop();
process.exit(0);

async function runningShell(): Promise<string> {
  const { containers } = await cri.listContainers({
    filter: { labelSelector: { 'io.kubernetes.pod.name': 'shell', 'io.kubernetes.container.name': 'main' } },
  });
  const id = containers[0]?.id;
  if (id === undefined) throw new Error('the container of pod shell is not there');
  return id;
}
