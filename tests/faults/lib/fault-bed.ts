import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type ConfigMap, type Pod, pods } from '@kubeedge-ts/apis';
import { createKubeClient, type KubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { type Random, systemClock } from '@kubeedge-ts/runtime';
import { type FakeCri, startFakeCri } from '@kubeedge-ts/testing/fake-cri';
import { type FaultProxy, startFaultProxy } from '@kubeedge-ts/testing/fault-proxy';
import { type Cloud, createCloud, createEdge, type Edge, freePorts, until } from '@kubeedge-ts/testing/site';
import { createHistory, type History } from './history.ts';

/**
 * The programs as they are, on a fake container runtime, with a fault proxy on their link. What happens is watched from
 * outside: the edge's database, and the API.
 */
export interface FaultBed {
  readonly nodeName: string;
  readonly cloud: Cloud;
  readonly edge: Edge;
  readonly proxy: FaultProxy;
  readonly runtime: FakeCri;
  readonly kube: KubeClient;
  /** Objects in the edge's database over time, by wire resource. */
  readonly stored: History;
  /** Restarts of the pods' containers as the API has them, over time. */
  readonly reported: History;
  /** What the database holds now; undefined while it cannot be read. */
  rows(): ReadonlyMap<string, { readonly uid: string; readonly count: number }> | undefined;
  log(program: 'cloudcore' | 'edgecore'): string;
  until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T>;
  stop(): Promise<void>;
}

const IMAGE = 'docker.io/library/busybox:1';
const LOOK_EVERY_MS = 20;
/** Seconds; three of them without an answer and the connection is given up. */
const HEARTBEAT = 1;

export async function startFaultBed(
  name: string,
  random: Random,
  options: { readonly nodeName?: string } = {},
): Promise<FaultBed> {
  const root = new URL('../../..', import.meta.url).pathname.replace(/\/$/, '');
  const dir = join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', name);
  const { nodeName = 'edge-a' } = options;
  const stops: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const runtime = await startFakeCri({ hurry: 10 });
    stops.push(() => runtime.stop());
    runtime.addImage(IMAGE);
    const cloud = await createCloud({ root, dir: join(dir, 'cloud') });
    stops.push(() => cloud.stop());
    await cloud.startCluster();
    await cloud.startCloudcore();
    const proxy = await startFaultProxy({
      target: { port: Number(cloud.hubUrl.split(':')[1]) },
      seed: Math.floor(random.next() * 2 ** 31),
    });
    stops.push(() => proxy.close());
    const [mqttInternal, kubeletPort] = (await freePorts(2)) as [number, number];
    const edge = createEdge({
      root,
      dir: join(dir, 'edge'),
      nodeName,
      hubUrl: `127.0.0.1:${proxy.port}`,
      httpsUrl: cloud.httpsUrl,
      tunnelUrl: cloud.tunnelUrl,
      token: await cloud.joinToken(),
      runtimeEndpoint: runtime.endpoint,
      cgroup: process.env['KUBEEDGE_TS_CGROUP'] ?? '',
      mqttInternal: `tcp://127.0.0.1:${mqttInternal}`,
      kubeletPort,
    });
    const config = readFileSync(edge.configFile, 'utf8');
    writeFileSync(edge.configFile, config.replace('edgeHub:', `edgeHub:\n    heartbeat: ${HEARTBEAT}`));
    stops.push(() => edge.stop());
    edge.start();
    const kubeconfig = await loadKubeconfig({ path: cloud.kubeconfig, env: {} }, { clock: systemClock });
    const kube = createKubeClient(kubeconfig, { clock: systemClock, userAgent: 'faults' });
    stops.push(() => kube.close());
    await until('the node is registered', () => cloud.kubectl(['get', 'node', nodeName]), {
      timeoutMs: 60_000,
    });

    const stored = createHistory();
    const reported = createHistory();
    const rows = () => storedObjects(edge.databaseFile);
    const watch = setInterval(() => {
      const now = rows();
      if (now !== undefined) stored.look(now);
    }, LOOK_EVERY_MS);
    stops.push(() => clearInterval(watch));
    const watching = new AbortController();
    const watched = followPods(kube, reported, watching.signal);
    stops.push(async () => {
      watching.abort();
      await watched;
    });
    const logs = { cloudcore: join(dir, 'cloud/cloudcore.log'), edgecore: join(dir, 'edge/edgecore.log') };
    return {
      nodeName,
      cloud,
      edge,
      proxy,
      runtime,
      kube,
      stored,
      reported,
      rows,
      log: (program) => readFileSync(logs[program], 'utf8'),
      until: (what, look) => until(what, look, { timeoutMs: 60_000, everyMs: 50 }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A pod that reads one ConfigMap; its container runs until it is told to end. */
export function podOf(nodeName: string, name: string, config: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: IMAGE,
          command: ['sh', '-c', 'sleep 1000000'],
          volumeMounts: [{ name: 'config', mountPath: '/config' }],
        },
      ],
      volumes: [{ name: 'config', configMap: { name: config, optional: true } }],
    },
  };
}

export function configOf(name: string, count: number): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { count: String(count) },
  };
}

/** Pods and ConfigMaps in table `meta`; undefined while the file is not there or is being made. */
function storedObjects(file: string): ReadonlyMap<string, { uid: string; count: number }> | undefined {
  const objects = new Map<string, { uid: string; count: number }>();
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true });
    const found = db.prepare("SELECT key, value FROM meta WHERE type IN ('pod', 'configmap')").all();
    for (const { key, value } of found) {
      const object = JSON.parse(String(value)) as ConfigMap;
      objects.set(String(key), {
        uid: object.metadata.uid ?? '',
        count: Number(object.data?.['count'] ?? 0),
      });
    }
    return objects;
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
}

async function followPods(kube: KubeClient, history: History, signal: AbortSignal): Promise<void> {
  const now = new Map<string, { uid: string; count: number }>();
  while (!signal.aborted) {
    try {
      for await (const event of kube.watch(pods, { signal })) {
        if (event.type === 'BOOKMARK') continue;
        const { metadata, status } = event.object;
        if (event.type === 'DELETED') now.delete(metadata.name);
        else {
          const restarts = status?.containerStatuses?.[0]?.restartCount ?? 0;
          now.set(metadata.name, { uid: metadata.uid ?? '', count: restarts });
        }
        history.look(now);
      }
    } catch {
      // The API server ends watches; a new one begins with what is there.
    }
  }
}
