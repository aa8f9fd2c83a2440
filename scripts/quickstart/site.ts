// Inside of the site: starts everything, then shows it or checks it. Runs in namespaces of its own (main.ts).
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { nodes, pods } from '@kubeedge-ts/apis';
import { createCriClient } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import { createKubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock } from '@kubeedge-ts/runtime';
import { startContainerd } from '@kubeedge-ts/testing/containerd';
import { startMosquitto } from '@kubeedge-ts/testing/mosquitto';
import { type Child, createCloud, createEdge, freePorts, startChild, until } from '@kubeedge-ts/testing/site';
import { type Demo, STEPS } from './steps.ts';
import { DEVICE_STATUSES, DEVICES, render } from './view.ts';

const NODE_NAME = 'ke-edge03';
const root = process.env['KUBEEDGE_TS_ROOT'] ?? process.cwd();
const dir = process.env['KUBEEDGE_TS_RUN_DIR'] ?? '';
const cgroup = process.env['KUBEEDGE_TS_CGROUP'] ?? '';
const checking = process.argv.includes('--check');
const began = performance.now();

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => stopping.abort(new Error(signal)));

const cleanups: { what: string; run: () => Promise<unknown> }[] = [];

function say(text: string): void {
  console.log(`[${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s] ${text}`);
}

async function step<T>(title: string, run: () => Promise<T>): Promise<T> {
  stopping.signal.throwIfAborted();
  const value = await run();
  say(title);
  return value;
}

async function startSite(): Promise<Demo> {
  const [mqttInternal, kubeletPort] = (await freePorts(2)) as [number, number];
  const containerd = await step('containerd with a pod network and the demo images', () =>
    startContainerd({ dir: join(dir, 'ctd'), cgroups: [`/${cgroup}`] }),
  );
  cleanups.push({ what: 'containerd', run: () => containerd.stop() });
  const mosquitto = await step('MQTT broker', () => startMosquitto());
  cleanups.push({ what: 'mosquitto', run: () => mosquitto.stop() });

  const cloud = await createCloud({ root, dir: join(dir, 'cloud') });
  cleanups.push({ what: 'cloud', run: () => cloud.stop() });
  await step('Kubernetes API (standalone)', () => cloud.startCluster());
  await step('cloudcore', () => cloud.startCloudcore());
  await publish(cloud.kubeconfig);

  const edge = createEdge({
    root,
    dir: join(dir, 'edge'),
    nodeName: NODE_NAME,
    hubUrl: cloud.hubUrl,
    httpsUrl: cloud.httpsUrl,
    token: await cloud.joinToken(),
    runtimeEndpoint: containerd.endpoint,
    cgroup,
    mqttExternal: mosquitto.url,
    mqttInternal: `tcp://127.0.0.1:${mqttInternal}`,
    kubeletPort,
  });
  cleanups.push({ what: 'edgecore', run: () => edge.stop() });
  edge.start();
  await step('the edge has joined', () =>
    until('the node is registered', () => cloud.kubectl(['get', 'node', NODE_NAME]), {
      timeoutMs: 60_000,
      signal: stopping.signal,
    }),
  );

  await step('devices and their mapper', async () => {
    for (const manifest of ['examples/dht11', 'examples/virtual-fan'])
      await cloud.kubectl(['apply', '-f', join(root, manifest)]);
    const mapper: Child = startChild({
      name: 'mapper-virtual',
      command: join(root, 'bin/mapper-virtual'),
      args: ['--broker', mosquitto.url, '--node', NODE_NAME],
      logFile: join(dir, 'mapper-virtual.log'),
    });
    cleanups.push({ what: 'mapper', run: () => mapper.stop() });
  });

  return {
    root,
    cloud,
    kubectl: cloud.kubectl,
    nodeName: NODE_NAME,
    podAddresses: () => podAddresses(containerd.endpoint),
    async reboot() {
      await edge.stop('kill');
      await containerd.powerOff();
      await containerd.startDaemon();
      edge.start();
    },
  };
}

/** Addresses of the ready sandboxes, from the runtime itself. */
async function podAddresses(endpoint: string): Promise<string[]> {
  const cri = createCriClient({ endpoint, clock: systemClock, requestTimeoutMs: 5000 });
  try {
    const { items } = await cri.listPodSandbox({});
    const statuses = await Promise.all(items.map(({ id }) => cri.podSandboxStatus({ podSandboxId: id })));
    return statuses.map(({ status }) => status?.network?.ip ?? '').filter((address) => address !== '');
  } finally {
    cri.close();
  }
}

/** Lets callers outside this network namespace reach the API through a socket (main.ts has the other end). */
async function publish(kubeconfig: string): Promise<void> {
  const { server } = await loadKubeconfig({ path: kubeconfig, env: {} }, { clock: systemClock });
  const port = Number(new URL(server).port);
  const relay = createServer((client) => {
    const api = connect(port, '127.0.0.1');
    client.pipe(api).pipe(client);
    client.on('error', () => api.destroy());
    api.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    relay.once('error', reject);
    relay.listen(join(dir, 'api.sock'), resolve);
  });
  relay.unref();
  copyFileSync(kubeconfig, join(dir, 'kubeconfig'));
}

async function check(demo: Demo): Promise<void> {
  for (const { title, run } of STEPS) {
    stopping.signal.throwIfAborted();
    const seen = await run(demo);
    say(`ok: ${title}: ${seen}`);
  }
}

async function show(demo: Demo): Promise<void> {
  const client = createKubeClient(
    await loadKubeconfig({ path: demo.cloud.kubeconfig, env: {} }, { clock: systemClock }),
    {
      clock: systemClock,
      userAgent: 'quickstart',
    },
  );
  cleanups.push({ what: 'client', run: async () => client.close() });
  await demo.kubectl(['apply', '-f', join(root, 'examples/web/web.yaml')]);
  const outside = join(dir, 'kubeconfig.outside');
  await until('the API is published', () => existsSync(outside), { timeoutMs: 10_000 });
  const hint = `\nkubectl:  export KUBECONFIG=${outside}\nset a desired value:  kubectl patch device virtual-fan --type=json -p '[{"op":"add","path":"/spec/properties/0/desired","value":{"value":"750"}}]'\nlogs:  ${dir}   (Ctrl-C stops everything and removes it)\n`;
  let last = '';
  while (!stopping.signal.aborted) {
    const [nodeList, podList, devices, statuses] = await Promise.all([
      client.list(nodes),
      client.list(pods),
      client.list(DEVICES),
      client.list(DEVICE_STATUSES),
    ]);
    const text = render(
      { nodes: nodeList.items, pods: podList.items, devices: devices.items, statuses: statuses.items },
      process.stdout.columns ?? 120,
    );
    if (process.stdout.isTTY) process.stdout.write(`\x1b[H\x1b[2J${text}\n${hint}`);
    else if (text !== last) console.log(`${last === '' ? hint : ''}\n${text}`);
    last = text;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

let code = 0;
try {
  const demo = await startSite();
  await (checking ? check(demo) : show(demo));
} catch (error) {
  if (!stopping.signal.aborted) {
    code = 1;
    say(`FAILED: ${errorText(error)}`);
    for (const log of [
      'cloud/cloudcore.log',
      'edge/edgecore.log',
      'cloud/standalone.log',
      'mapper-virtual.log',
    ]) {
      const file = join(dir, log);
      if (!existsSync(file)) continue;
      console.error(`--- ${log}\n${readFileSync(file, 'utf8').split('\n').slice(-25).join('\n')}`);
    }
  }
}
say('stopping');
for (const { what, run } of cleanups.reverse()) {
  await run().catch((error: unknown) => {
    code = 1;
    say(`could not stop ${what}: ${errorText(error)}`);
  });
}
say('stopped');
process.exit(code);
