import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { configMaps } from '@kubeedge-ts/apis';
import { createKubeClient, type KubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock } from '@kubeedge-ts/runtime';

const MAIN = new URL('./main.ts', import.meta.url).pathname;

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly output: () => string;
}

let folder = '';
const started: ChildProcess[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standalone-program-'));
});
after(async () => {
  for (const child of started) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output += chunk;
  });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return { child, exited, output: () => output };
}

async function ready(running: Running): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!running.output().includes('API server is ready')) {
    assert.ok(Date.now() < deadline && running.child.exitCode === null, running.output());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function clientOf(kubeconfig: string): Promise<KubeClient> {
  const config = await loadKubeconfig({ path: kubeconfig, env: {} }, { clock: systemClock });
  return createKubeClient(config, { clock: systemClock, userAgent: 'test' });
}

test('what was answered survives a kill -9, and SIGTERM ends the program cleanly', async () => {
  const [dataDir, kubeconfig] = [join(folder, 'data'), join(folder, 'kube', 'config')];
  const args = ['--data-dir', dataDir, '--secure-port', '0', '--write-kubeconfig', kubeconfig];
  const first = start(...args);
  await ready(first);
  assert.equal((await stat(kubeconfig)).mode & 0o777, 0o600);
  assert.equal((await stat(join(dataDir, 'pki', 'ca.key'))).mode & 0o777, 0o600);
  const ca = await readFile(join(dataDir, 'pki', 'ca.crt'), 'utf8');

  const client = await clientOf(kubeconfig);
  const acknowledged: string[] = [];
  let newest = 0;
  const writing = (async () => {
    for (let index = 0; ; index++) {
      const name = `w${index}`;
      const made = await client.create(configMaps, { metadata: { name, namespace: 'default' } });
      acknowledged.push(name);
      newest = Number(made.metadata.resourceVersion);
      if (index === 50) first.child.kill('SIGKILL');
    }
  })();
  await assert.rejects(writing);
  client.close();
  assert.equal((await first.exited).signal, 'SIGKILL');

  const second = start(...args);
  await ready(second);
  assert.equal(await readFile(join(dataDir, 'pki', 'ca.crt'), 'utf8'), ca);
  const again = await clientOf(kubeconfig);
  const list = await again.list(configMaps, { namespace: 'default' });
  const names = new Set(list.items.map((item) => item.metadata.name));
  assert.deepEqual(
    acknowledged.filter((name) => !names.has(name)),
    [],
  );
  assert.ok(Number(list.metadata.resourceVersion) >= newest);

  const rival = start('--data-dir', dataDir, '--secure-port', '0');
  assert.equal((await rival.exited).code, 1);
  assert.match(rival.output(), /STANDALONE_DATA_DIR_IN_USE/);

  const watch = (async () => {
    for await (const _ of again.watch(configMaps, { namespace: 'default' })) if (_ === undefined) break;
  })().catch(() => 'ended');
  second.child.kill('SIGTERM');
  assert.deepEqual(await second.exited, { code: 0, signal: null });
  await watch;
  again.close();
});

test('a mistake on the command line ends the program with 2', async () => {
  const running = start('--data-dir', join(folder, 'x'), '--nonsense');
  assert.equal((await running.exited).code, 2, running.output());
  assert.match(running.output(), /unknown option '--nonsense'/);
});
