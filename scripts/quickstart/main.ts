// Outside of the site: starts it in namespaces of its own and passes its Kubernetes API through to this machine.

import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { kubeconfigFor, until } from '@kubeedge-ts/testing/site';
import { runIsolated } from '../isolate.mjs';

const USAGE = `usage: bin/quickstart [--check]

Sets up and shows a whole KubeEdge on this machine: a Kubernetes API, cloudcore, an edge with containerd and an MQTT
broker, two devices with their mapper. Everything runs in namespaces and directories of its own and is gone when it ends.

  --check   verify each promise, print what was seen, stop everything, exit 0 only if all held
`;

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const flags = process.argv.slice(2);
if (flags.includes('--help') || flags.includes('-h')) {
  console.log(USAGE);
  process.exit(0);
}
const unknown = flags.find((flag) => flag !== '--check');
if (unknown !== undefined) {
  console.error(`bin/quickstart: unknown argument ${unknown}\n\n${USAGE}`);
  process.exit(2);
}

// the site stops its programs in order; a second Ctrl-C ends everything at once
let interrupts = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupts += 1;
    if (interrupts > 1) process.exit(130);
    signalSite?.(signal);
  });
}
let signalSite: ((signal: NodeJS.Signals) => void) | undefined;

const code = await runIsolated([process.execPath, join(root, 'scripts/quickstart/site.ts'), ...flags], {
  env: { KUBEEDGE_TS_ROOT: root },
  onStart: ({ dir, running, signal }) => {
    signalSite = signal;
    void publishApi(dir).catch((error: unknown) => {
      if (running() && !flags.includes('--check'))
        console.error(`kubectl from outside is not available: ${error}`);
    });
  },
});
process.exit(code);

/** Listens on loopback and relays to the site's API through a socket in the run directory. */
async function publishApi(dir: string): Promise<void> {
  const inside = join(dir, 'kubeconfig');
  const socket = join(dir, 'api.sock');
  const server = createServer((client) => {
    const upstream = connect(socket);
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  server.unref();
  const { port } = server.address() as { port: number };
  const text = await until(
    'the site wrote its kubeconfig',
    () => kubeconfigFor(inside, `https://127.0.0.1:${port}`),
    {
      timeoutMs: 300_000,
      everyMs: 200,
    },
  );
  writeFileSync(join(dir, 'kubeconfig.outside'), text, { mode: 0o600 });
}
