// Twin updates of one device through mosquitto at QoS 1 (DESIGN §10): rate, order, CPU of edgecore per update, rows
// committed, and whether the node's lease was renewed in time meanwhile. `--updates N` (default 50000), `--window N`
// publishes in flight (default 100; mosquitto hands edgecore 20 at a time).

import { DatabaseSync } from 'node:sqlite';
import { connectMqtt, type IncomingMessage } from '@kubeedge-ts/mqtt';
import { systemClock } from '@kubeedge-ts/runtime';
import { until } from '@kubeedge-ts/testing/site';
import { cpuSeconds, memoryMb } from './lib/memory.ts';
import { report, round, summarise } from './lib/report.ts';
import { benchSite, NODE_NAME } from './lib/site.ts';

const flag = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name);
  return at === -1 ? fallback : Number(process.argv[at + 1]);
};
const updates = flag('--updates', 50_000);
const window = flag('--window', 100);
const WARM_UP = 2000;
const BASE = '$hw/events/device/default/bench/twin';

const site = await benchSite();
await site.cloud.kubectl(['apply', '-f', '-'], manifests());
const pid = site.edge.edgecore()?.pid ?? -1;

let known = false;
let onMessage = (message: IncomingMessage): void => {
  known ||= !`${message.payload}`.includes('"code"');
  message.ack();
};
const client = await connectMqtt(
  { url: site.mosquitto.url, clientId: 'bench-device', onMessage: (message) => onMessage(message) },
  systemClock,
  new AbortController().signal,
);
await client.subscribe([`${BASE}/get/result`, `${BASE}/update/result`], 1);
await until(
  'the device is on the node',
  () => {
    if (!known) client.publish(`${BASE}/get`, '{}', 1, false, () => {});
    return known;
  },
  { timeoutMs: 60_000 },
);

interface Run {
  readonly seconds: number;
  readonly ordered: boolean;
  readonly latenciesMs: number[];
}

/** Publishes `count` updates, each of about 100 bytes, and waits for all results. */
function load(count: number): Promise<Run> {
  const sentAt = new Float64Array(count);
  const latenciesMs: number[] = [];
  const begun = performance.now();
  let sent = 0;
  let acknowledged = 0;
  let answered = 0;
  let ordered = true;
  return new Promise((resolve) => {
    onMessage = ({ topic, payload, ack }) => {
      ack();
      if (!topic.endsWith('/update/result')) return;
      const id = Number(/"event_id":"(\d+)"/.exec(`${payload}`)?.[1]);
      ordered &&= id === answered;
      latenciesMs.push(performance.now() - (sentAt[id] as number));
      answered += 1;
      if (answered === count) resolve({ seconds: (performance.now() - begun) / 1000, ordered, latenciesMs });
      else pump();
    };
    const pump = (): void => {
      while (sent < count && sent - acknowledged < window && sent - answered < 2 * window) {
        sentAt[sent] = performance.now();
        const payload = `{"event_id":"${sent}","timestamp":${Date.now()},"twin":{"temperature":{"actual":{"value":"${sent}"},"metadata":{"type":"int"}}}}`;
        sent += 1;
        client.publish(`${BASE}/update`, payload, 1, false, () => {
          acknowledged += 1;
          pump();
        });
      }
    };
    pump();
  });
}

const edgecoreMbBeforeLoad = memoryMb(pid);
await load(WARM_UP);
const before = cpuSeconds(pid);
const lease = watchLease();
const run = await load(updates);
const cpu = cpuSeconds(pid) - before;
const longestLeaseAgeSeconds = await lease.stop();
const db = new DatabaseSync(site.edge.databaseFile, { readOnly: true });
const row = db
  .prepare("SELECT actual, actual_version FROM device_twin WHERE deviceid = 'default/bench'")
  .get();
db.close();
const committed =
  row?.['actual'] === String(updates - 1) &&
  String(row['actual_version']).includes(`"edge":${WARM_UP + updates}}`);
report(
  'twin-updates',
  { updates, window, mqttMode: 2, qos: 1 },
  {
    updatesPerSecond: Math.round(updates / run.seconds),
    edgecoreCpuMsPerUpdate: Math.round((cpu / updates) * 1e6) / 1000,
    ordered: run.ordered,
    committed,
    resultLatencyMs: summarise(run.latenciesMs),
    longestLeaseAgeSeconds,
    edgecoreMbBeforeLoad,
    edgecoreMbAfterLoad: memoryMb(pid),
  },
);
client.close();
await site.stop();
process.exit(run.ordered && committed ? 0 : 1);

/** Looks at the node's lease while the load runs. */
function watchLease(): { stop(): Promise<number> } {
  let longest = 0;
  let going = true;
  const look = async (): Promise<void> => {
    while (going) {
      const { spec } = await site.cloud.kubectl.json<{ spec: { renewTime: string } }>([
        'get',
        'lease',
        NODE_NAME,
        '-n',
        'kube-node-lease',
      ]);
      longest = Math.max(longest, (Date.now() - Date.parse(spec.renewTime)) / 1000);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  };
  const looking = look();
  return {
    async stop() {
      going = false;
      await looking;
      return round(longest);
    },
  };
}

function manifests(): string {
  const objects = [
    {
      kind: 'DeviceModel',
      metadata: { name: 'bench', namespace: 'default' },
      spec: { protocol: 'bench', properties: [{ name: 'temperature', type: 'INT', accessMode: 'ReadOnly' }] },
    },
    {
      kind: 'Device',
      metadata: { name: 'bench', namespace: 'default' },
      spec: { deviceModelRef: { name: 'bench' }, nodeName: NODE_NAME, properties: [{ name: 'temperature' }] },
    },
  ];
  return objects
    .map((object) => JSON.stringify({ apiVersion: 'devices.kubeedge.io/v1beta1', ...object }))
    .join('\n');
}
