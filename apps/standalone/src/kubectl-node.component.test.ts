import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { type ApiServer, createApiServer } from './server/index.ts';
import { createRawClient } from './testing/raw-client.ts';
import { createScriptedKubelet, readCa, type ScriptedKubelet } from './testing/scripted-kubelet.ts';
import { base64, createSigningRequest } from './testing/signing-request.ts';

const missing = spawnSync('kubectl', ['version', '--client']).status !== 0;
const title = missing ? 'kubectl and a node [skipped: none on the PATH]' : 'kubectl and a node';

let folder = '';
let server: ApiServer;
let kubelet: ScriptedKubelet;
const followers = new Set<ChildProcess>();

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, KUBECONFIG: join(folder, 'config'), HOME: folder, NO_COLOR: '1' };
}

function kubectl(args: string): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile('kubectl', args.split(' '), { env: environment(), timeout: 30_000 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, out, err });
    });
  });
}

/** One message of channel.k8s.io: the number of the channel, then bytes; short enough for a frame of 125. */
function frame(channel: number, text: string): Buffer {
  const payload = Buffer.concat([Buffer.from([channel]), Buffer.from(text)]);
  return Buffer.concat([Buffer.from([0x82, payload.length]), payload]);
}

/** A kubelet whose containers say what they were asked to run, over WebSocket with v5.channel.k8s.io. */
function runCommand(request: IncomingMessage, socket: Duplex): void {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n`,
  );
  const { searchParams } = new URL(request.url ?? '/', 'https://node');
  const command = searchParams.getAll('command');
  if (command[0] === 'false') {
    socket.write(
      frame(
        3,
        '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}',
      ),
    );
  } else {
    socket.write(frame(1, `ran ${command.join(' ')}\n`));
    socket.write(frame(3, '{"status":"Success"}'));
  }
  socket.end(Buffer.from([0x88, 2, 0x03, 0xe8]));
}

const time = new Date().toISOString();
const SUMMARY = {
  node: {
    cpu: { time, usageNanoCores: 250_000_000 },
    memory: { time, workingSetBytes: 512 * 1024 * 1024 },
  },
  pods: [
    {
      podRef: { name: 'web', namespace: 'default' },
      containers: [
        {
          name: 'c',
          cpu: { time, usageNanoCores: 20_000_000 },
          memory: { time, workingSetBytes: 64 * 1024 * 1024 },
        },
      ],
    },
  ],
};

before(async () => {
  if (missing) return;
  folder = await mkdtemp(join(tmpdir(), 'standalone-kubectl-node-'));
  server = await createApiServer({ dataDir: folder });
  await writeFile(join(folder, 'config'), server.adminKubeconfig, { mode: 0o600 });
  kubelet = await createScriptedKubelet(
    {
      request({ url = '/' }, response) {
        if (url === '/healthz') response.end('ok');
        else if (url.startsWith('/stats/summary')) response.end(JSON.stringify(SUMMARY));
        else if (url.startsWith('/containerLogs/default/web/c?follow')) response.write('one\n');
        else if (url.startsWith('/containerLogs/default/web/c')) response.end('one\ntwo\n');
        else
          response.writeHead(400).end('container "c" in pod "slow" is waiting to start: ContainerCreating');
      },
      upgrade: runCommand,
    },
    { ca: await readCa(folder) },
  );
  const client = createRawClient(server);
  const status = {
    capacity: { cpu: '4', memory: '8Gi' },
    allocatable: { cpu: '4', memory: '8Gi' },
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
  };
  await client.json('POST', '/api/v1/nodes', { metadata: { name: 'n1' }, status });
  const dark = { ...status, daemonEndpoints: { kubeletEndpoint: { Port: 1 } } };
  await client.json('POST', '/api/v1/nodes', { metadata: { name: 'dark' }, status: dark });
  for (const [name, nodeName] of [
    ['web', 'n1'],
    ['slow', 'n1'],
    ['off', 'dark'],
  ]) {
    const pods = '/api/v1/namespaces/default/pods';
    const spec = { nodeName, containers: [{ name: 'c', image: 'x' }] };
    await client.json('POST', pods, { metadata: { name }, spec });
    await client.json(
      'PATCH',
      `${pods}/${name}/status`,
      { status: { phase: 'Running' } },
      'application/merge-patch+json',
    );
  }
  client.close();
});
after(async () => {
  if (missing) return;
  for (const child of followers) child.kill();
  await server.close();
  await kubelet.close();
  await rm(folder, { recursive: true });
});

describe(title, { skip: missing, timeout: 120_000 }, () => {
  test('logs prints them, and follows them', async () => {
    assert.deepEqual(await kubectl('logs web --tail=2'), { code: 0, out: 'one\ntwo\n', err: '' });
    const following = spawn('kubectl', ['logs', '-f', 'web'], { env: environment() });
    followers.add(following);
    const [first] = (await once(following.stdout, 'data')) as [Buffer];
    assert.equal(first.toString(), 'one\n');
    following.kill();
    await once(following, 'close');
  });

  test('logs says why there are none', async () => {
    const waiting = await kubectl('logs slow');
    assert.equal(waiting.code, 1);
    assert.equal(
      waiting.err,
      'Error from server (BadRequest): container "c" in pod "slow" is waiting to start: ContainerCreating\n',
    );
    const off = await kubectl('logs off');
    assert.match(
      off.err,
      /^Error from server: Get "https:.*": dial tcp 127\.0\.0\.1:1: connect: connection refused\n$/,
    );
  });

  test('exec runs a command and ends with its code', async () => {
    assert.deepEqual(await kubectl('exec web -- ls -l'), { code: 0, out: 'ran ls -l\n', err: '' });
    const failed = await kubectl('exec web -- false');
    assert.equal(failed.code, 7, failed.err);
    const off = await kubectl('exec off -- ls');
    assert.equal(off.code, 1);
    assert.match(
      off.err,
      /Error from server: error dialing backend: dial tcp 127\.0\.0\.1:1: connect: connection refused\n$/,
    );
  });

  test('get --raw reaches the kubelet’s own API', async () => {
    assert.equal((await kubectl('get --raw /api/v1/nodes/n1/proxy/healthz')).out, 'ok');
    const dark = await kubectl('get --raw /api/v1/nodes/dark/proxy/healthz');
    assert.match(dark.err, /ServiceUnavailable.*error trying to reach service: dial tcp 127\.0\.0\.1:1/);
  });

  test('certificate approve and deny decide on requests, and get csr shows what has come of them', async () => {
    const request = base64(
      await createSigningRequest({
        names: [{ type: 'dns', value: 'edge' }],
        organizations: ['system:nodes'],
      }),
    );
    for (const name of ['yes', 'no']) {
      const manifest = join(folder, `${name}.json`);
      const csr = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name },
        spec: {
          request,
          signerName: 'kubernetes.io/kubelet-serving',
          usages: ['digital signature', 'key encipherment', 'server auth'],
          expirationSeconds: 86_400,
        },
      };
      await writeFile(manifest, JSON.stringify(csr));
      const created = await kubectl(`create -f ${manifest}`);
      assert.equal(created.code, 0, created.err);
    }
    assert.match(
      (await kubectl('get csr')).out,
      /^NAME +AGE +SIGNERNAME +REQUESTOR +REQUESTEDDURATION +CONDITION\n/,
    );
    assert.equal(
      (await kubectl('certificate approve yes')).out,
      'certificatesigningrequest.certificates.k8s.io/yes approved\n',
    );
    assert.equal(
      (await kubectl('certificate deny no')).out,
      'certificatesigningrequest.certificates.k8s.io/no denied\n',
    );
    const waited = await kubectl('wait csr/yes --for=jsonpath={.status.certificate} --timeout=20s');
    assert.equal(waited.code, 0, waited.err);
    const shown = (await kubectl('get csr')).out;
    assert.match(shown, /no +\d+s +kubernetes\.io\/kubelet-serving +kubernetes-admin +24h +Denied\n/);
    assert.match(
      shown,
      /yes +\d+s +kubernetes\.io\/kubelet-serving +kubernetes-admin +24h +Approved,Issued\n/,
    );
    assert.match((await kubectl('describe csr yes')).out, /Status: +Approved,Issued/);
  });

  test('top shows what nodes and pods use', async () => {
    const nodes = await kubectl('top node');
    assert.match(nodes.out, /^NAME +CPU\(cores\) .*\n[\s\S]*n1 +250m +\S+ +512Mi/, nodes.err);
    const pods = await kubectl('top pod --containers');
    assert.match(pods.out, /^POD +NAME +CPU\(cores\) +MEMORY\(bytes\) *\nweb +c +20m +64Mi/, pods.err);
    const off = await kubectl('top pod off');
    assert.match(off.err, /podmetrics\.metrics\.k8s\.io "default\/off" not found/);
  });
});
