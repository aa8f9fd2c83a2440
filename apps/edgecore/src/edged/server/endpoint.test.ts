import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock } from '../../edgehub/testing/manual-clock.ts';
import { type Bench, createBench } from '../testing/bench.ts';
import { container, pod } from '../testing/pods.ts';
import { createHealthAnswer } from './health.ts';
import { portsOf, streamWishes } from './streams.ts';
import { rawClient } from './testing/raw-http.ts';

let b: Bench;
let server: Server;
let base: string;

beforeEach(async () => {
  b = await createBench();
  await b.start();
  server = b.kubelet.server('cloud');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await b.close();
});

const web = pod('web', { containers: [container('main', { stdin: true })] });
const ask = async (path: string, method = 'GET', body?: string) => {
  const response = await fetch(`${base}${path}`, { method, ...(body === undefined ? {} : { body }) });
  return { status: response.status, text: await response.text() };
};
async function running(): Promise<string> {
  b.meta.putPod(web);
  await b.until('runs', () => b.runs('web'));
  return b.mainOf('web')?.containerID?.replace(/^.*:\/\//, '') ?? '';
}

describe('the kubelet’s API on a fake runtime', () => {
  test('/pods lists what the node was told of, with statuses; /runningpods what the runtime has', async () => {
    await running();
    const { items } = JSON.parse((await ask('/pods')).text);
    assert.deepEqual(
      items.map((one: { kind: string; metadata: { name: string }; status: { phase: string } }) => [
        one.kind,
        one.metadata.name,
        one.status.phase,
      ]),
      [['Pod', 'web', 'Running']],
    );
    const { items: runs } = JSON.parse((await ask('/runningpods/')).text);
    assert.deepEqual(runs[0].metadata, {
      uid: web.metadata.uid,
      name: 'web',
      namespace: 'default',
      creationTimestamp: null,
    });
    assert.equal(runs[0].spec.containers[0].name, 'main');
  });

  test('/run hands the words to the container and answers with what it said', async () => {
    const id = await running();
    const asked: (readonly string[])[] = [];
    b.fake.exec = (containerId, cmd) => {
      assert.equal(containerId, id);
      asked.push(cmd);
      return { stdout: 'out', exitCode: cmd[0] === 'false' ? 3 : 0 };
    };
    assert.deepEqual(await ask('/run/default/web/main?cmd=ls%20-l', 'POST'), { status: 200, text: 'out' });
    assert.deepEqual(await ask('/run/default/web/main', 'POST', 'cmd=echo+a'), { status: 200, text: 'out' });
    assert.deepEqual(asked, [
      ['ls', '-l'],
      ['echo', 'a'],
    ]);
    assert.deepEqual(await ask('/run/default/web/main?cmd=false', 'POST'), {
      status: 500,
      text: "command 'false' exited with 3: out\n",
    });
    assert.equal((await ask('/run/default/web/main', 'POST')).status, 400);
    assert.equal((await ask('/run/default/web/main', 'POST', `cmd=${'x'.repeat(70_000)}`)).status, 413);
    assert.equal((await ask('/run/default/web/other?cmd=ls', 'POST')).status, 404);
  });

  test('/checkpoint has the runtime write an archive and says where (the fake: containerd 1.6 cannot)', async () => {
    const id = await running();
    const { status, text } = await ask('/checkpoint/default/web/main?timeout=7', 'POST');
    assert.equal(status, 200);
    const [location] = JSON.parse(text).items;
    assert.match(location, /kubelet\/checkpoints\/checkpoint-web_default-main-\d{4}-\d\d-\d\dT[\d:]+Z\.tar$/);
    assert.deepEqual(b.requests('CheckpointContainer'), [{ containerId: id, location, timeout: 7 }]);
    assert.equal(await readFile(location, 'utf8'), `checkpoint of ${id}\n`);
    b.fake.fail('CheckpointContainer', 'criu is not there');
    assert.match(
      (await ask('/checkpoint/default/web/main', 'POST')).text,
      /^checkpointing of default\/web\/main failed \(.*criu/,
    );
    assert.equal((await ask('/checkpoint/default/web/main?timeout=x', 'POST')).status, 404);
    assert.equal((await ask('/checkpoint/default/none/main', 'POST')).status, 404);
  });

  test('/containerLogs finds the file by the runtime’s word', async () => {
    await running();
    b.fake.print('main', 'hello\n');
    b.fake.print('main', 'oh\n', 'stderr');
    assert.deepEqual(await ask('/containerLogs/default/web/main?stream=Stderr'), {
      status: 200,
      text: 'oh\n',
    });
    assert.deepEqual(await ask('/containerLogs/default/web/main'), { status: 200, text: 'hello\noh\n' });
    b.fake.fail('ContainerStatus', 'hang');
    assert.equal((await ask('/containerLogs/default/web/main')).status, 500);
  });

  test('a log that is followed ends with its container, and not while the runtime is away', async () => {
    await running();
    b.fake.print('main', 'one\n');
    const response = await fetch(`${base}/containerLogs/default/web/main?follow=true`);
    await b.fake.goAway();
    b.fake.print('main', 'two\n');
    const reader = response.body?.getReader();
    let text = '';
    const more = async (): Promise<boolean> => {
      const part = await reader?.read();
      if (part?.value !== undefined) text += Buffer.from(part.value).toString();
      return part?.done === false;
    };
    while (text !== 'one\ntwo\n') assert.ok(await more());
    await b.fake.comeBack();
    b.fake.exit('main', 0);
    while (await more());
    assert.equal(text, 'one\ntwo\n');
  });

  test('/configz, /stats/summary and all metrics answer, also while the runtime is away', async () => {
    await running();
    assert.deepEqual(JSON.parse((await ask('/configz')).text), { kubeletconfig: {} });
    assert.equal(JSON.parse((await ask('/stats/summary')).text).pods[0].podRef.name, 'web');
    for (const path of ['/metrics', '/metrics/resource', '/metrics/cadvisor', '/metrics/probes'])
      assert.equal((await ask(path)).status, 200, path);
    await b.fake.goAway();
    assert.match((await ask('/metrics')).text, /kubelet_node_name/);
    assert.equal((await ask('/pods')).status, 200);
  });
});

describe('streams on a fake runtime', () => {
  const SPDY = 'Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n';
  const open = async (path: string, head = SPDY, method = 'POST') => {
    const client = await rawClient(
      Number(new URL(base).port),
      `${method} ${path} HTTP/1.1\r\nHost: x\r\n${head}\r\n`,
    );
    await client.until(({ text }) => text.includes('\r\n\r\n'));
    client.socket.destroy();
    return client.text.slice(0, client.text.indexOf('\r\n'));
  };

  test('the runtime is asked with what the query says', async () => {
    const id = await running();
    assert.match(
      await open(
        '/exec/default/web/main?command=sh&command=-c&command=echo%20a&input=1&output=true&error=1&tty=1',
      ),
      / 101 /,
    );
    assert.deepEqual(b.requests('Exec'), [
      { containerId: id, cmd: ['sh', '-c', 'echo a'], stdin: true, stdout: true, stderr: false, tty: true },
    ]);
    assert.match(await open(`/attach/default/web/${web.metadata.uid}/main?output=1&error=1`), / 101 /);
    assert.deepEqual(b.requests('Attach'), [
      { containerId: id, stdin: false, stdout: true, stderr: true, tty: false },
    ]);
    // whether there is a terminal was decided when the container was started
    assert.match(await open('/attach/default/web/main?output=1&tty=1'), / 101 /);
    assert.equal((b.requests('Attach').at(-1) as { tty: boolean }).tty, false);
    assert.match(await open('/portForward/default/web', SPDY.replace('v4.channel', 'portforward')), / 101 /);
    const [sandbox] = b.fake.runtime.sandboxes.keys();
    assert.deepEqual(b.requests('PortForward'), [{ podSandboxId: sandbox, port: [] }]);
    assert.match(
      await open(
        '/portForward/default/web?port=80&port=81,82',
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n',
        'GET',
      ),
      / 101 /,
    );
    assert.deepEqual(b.requests('PortForward').at(-1), { podSandboxId: sandbox, port: [80, 81, 82] });
  });

  test('what cannot be is refused: unknown pods, containers and uids, no command, nothing running', async () => {
    await running();
    for (const [path, status] of [
      ['/exec/default/none/main?command=ls&output=1', 404],
      ['/exec/default/web/none?command=ls&output=1', 404],
      ['/exec/default/web/other-uid/main?command=ls&output=1', 404],
      ['/exec/default/web/main?output=1', 400],
      ['/exec/default/web/main?command=ls', 400],
      ['/portForward/default/none', 404],
    ] as const)
      assert.match(await open(path), new RegExp(` ${status} `), path);
    b.fake.exit('main', 0);
    b.fake.fail('StartContainer', 'no');
    assert.match(await open('/exec/default/web/main?command=ls&output=1'), / 404 /);
  });
});

test('health: each check and all of them; a sync loop that is stuck fails', () => {
  const clock = createManualClock();
  let seenAt: number | undefined;
  const health = createHealthAnswer({ syncLoopSeenAt: () => seenAt, syncStaleMs: 300_000, clock });
  const answer = (check?: string, query = ''): [number, string] => {
    let said: [number, string] = [0, ''];
    const response = {
      writeHead: (status: number) => {
        said[0] = status;
      },
      end: (text: string) => {
        said = [said[0], text];
      },
    };
    void health(
      { params: check === undefined ? {} : { check }, query: new URLSearchParams(query) } as never,
      response as never,
    );
    return said;
  };
  assert.deepEqual(answer(), [200, 'ok']);
  assert.deepEqual(answer('ping'), [200, 'ok']);
  assert.deepEqual(answer(undefined, 'verbose'), [
    200,
    '[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n',
  ]);
  seenAt = 0;
  clock.advance(300_000);
  assert.deepEqual(answer('syncloop'), [200, 'ok']);
  clock.advance(1);
  assert.deepEqual(answer('syncloop'), [500, 'internal server error: sync Loop took longer than expected\n']);
  assert.equal(answer()[0], 500);
  assert.throws(() => answer('constructor'), /404/);
});

test('what a stream may carry, and which ports', () => {
  const wishes = (query: string) => streamWishes(new URLSearchParams(query));
  assert.deepEqual(wishes('output=1&error=true'), { stdin: false, stdout: true, stderr: true, tty: false });
  assert.throws(() => wishes('output=yes'), /at least 1 of stdin, stdout, stderr/);
  assert.throws(() => wishes('error=1&tty=1'), /at least 1/);
  for (const bad of ['', 'port=', 'port=0', 'port=65536', 'port=80,x', 'port=1e3'])
    assert.throws(() => portsOf(new URLSearchParams(bad)), /"port"/, bad);
});
