// Inside of the site: starts everything, then shows it or checks it. Runs in namespaces of its own (main.ts).
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { nodes, pods } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { createKubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock } from '@kubeedge-ts/runtime';
import { startChild, startSite, until } from '@kubeedge-ts/testing/site';
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

/** What has to be ended, newest last. */
const running: { what: string; end: () => Promise<unknown> }[] = [];

function say(text: string): void {
  console.log(`[${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s] ${text}`);
}

async function startDemo(): Promise<Demo> {
  const site = await startSite({
    root,
    dir,
    cgroup,
    nodeName: NODE_NAME,
    onStep: say,
    signal: stopping.signal,
  });
  running.push({ what: 'site', end: () => site.stop() });
  await publish(site.cloud.kubeconfig);
  for (const manifest of ['examples/dht11', 'examples/virtual-fan']) {
    await site.cloud.kubectl(['apply', '-f', join(root, manifest)]);
  }
  const mapper = startChild({
    name: 'mapper-virtual',
    command: join(root, 'bin/mapper-virtual'),
    args: ['--broker', site.mosquitto.url, '--node', NODE_NAME],
    logFile: join(dir, 'mapper-virtual.log'),
  });
  running.push({ what: 'mapper', end: () => mapper.stop() });
  say('devices and their mapper');
  return {
    root,
    cloud: site.cloud,
    kubectl: site.cloud.kubectl,
    nodeName: NODE_NAME,
    podAddresses: site.podAddresses,
    reboot: site.reboot,
  };
}

/** Lets callers outside this network namespace reach the API through a socket (main.ts has the other end). */
async function publish(kubeconfig: string): Promise<void> {
  const { server } = await loadKubeconfig({ path: kubeconfig, env: {} }, { clock: systemClock });
  const relay = createServer((client) => {
    const api = connect(Number(server.port), '127.0.0.1');
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
  const config = await loadKubeconfig({ path: demo.cloud.kubeconfig, env: {} }, { clock: systemClock });
  const client = createKubeClient(config, { clock: systemClock, userAgent: 'quickstart' });
  running.push({ what: 'client', end: async () => client.close() });
  await demo.kubectl(['apply', '-f', join(root, 'examples/web/web.yaml')]);
  const outside = join(dir, 'kubeconfig.outside');
  await until('the API is published', () => existsSync(outside), {
    timeoutMs: 10_000,
    signal: stopping.signal,
  });
  const hint = [
    '',
    `kubectl:              export KUBECONFIG=${outside}`,
    'set a desired value:  kubectl patch device virtual-fan --type=json -p \'[{"op":"add","path":"/spec/properties/0/desired","value":{"value":"750"}}]\'',
    `logs:                 ${dir}`,
    'Ctrl-C stops everything and removes it.',
  ].join('\n');
  let last: string | undefined;
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
    if (process.stdout.isTTY) process.stdout.write(`\x1b[H\x1b[2J${text}\n${hint}\n`);
    else if (text !== last) console.log(last === undefined ? `${hint}\n\n${text}` : `\n${text}`);
    last = text;
    await systemPause(1000);
  }
}

/** A pause that a stop ends at once. */
function systemPause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    stopping.signal.addEventListener('abort', end, { once: true });
  });
}

function printLogs(): void {
  for (const log of [
    'cloud/standalone.log',
    'cloud/cloudcore.log',
    'edge/edgecore.log',
    'mapper-virtual.log',
  ]) {
    const file = join(dir, log);
    if (!existsSync(file)) continue;
    console.error(`--- ${log}\n${readFileSync(file, 'utf8').split('\n').slice(-25).join('\n')}`);
  }
}

let code = 0;
try {
  const demo = await startDemo();
  await (checking ? check(demo) : show(demo));
} catch (error) {
  if (!stopping.signal.aborted) {
    code = 1;
    say(`FAILED: ${errorText(error)}`);
    printLogs();
  }
}
say('stopping');
for (const { what, end } of running.reverse()) {
  await end().catch((error: unknown) => {
    code = 1;
    say(`could not stop ${what}: ${errorText(error)}`);
  });
}
say('stopped');
process.exit(code);
