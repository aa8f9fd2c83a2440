import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock } from '@kubeedge-ts/runtime';
import { createKubectl, type Kubectl, type Site, startSite, until } from '@kubeedge-ts/testing/site';
import { applyPods, kubeletReachable, podRuns, STAY, shellPod } from './lib/edge-shell.ts';

// Every verb of kubectl that needs a node's kubelet, with nothing configured: standalone (or the cluster of KUBECONFIG),
// cloudcore, tunnel, edgecore, containerd. Runs in the namespaces of scripts/run-tests.mjs.

interface PublishedNode {
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    readonly daemonEndpoints: { readonly kubeletEndpoint: { readonly Port: number } };
  };
}

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const dir = join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', 'verbs');
const NODE = 'edge-verbs';
const LINES = [1, 2, 3, 4, 5].flatMap((n) => [`out ${n}`, `err ${n}`]);
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

describe('kubectl at the edge', { timeout: 600_000 }, () => {
  let site: Site;
  let kubectl: Kubectl;
  /** The same machine's kubectl, told which of its two protocols to begin with. */
  const speaking = (webSockets: boolean): Kubectl =>
    createKubectl(site.cloud.kubeconfig, join(dir, 'cache'), {
      KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(webSockets),
      KUBECTL_PORT_FORWARD_WEBSOCKETS: String(webSockets),
    });

  before(async () => {
    site = await startSite({
      root,
      dir,
      cgroup: process.env['KUBEEDGE_TS_CGROUP'] ?? '',
      nodeName: NODE,
      kubeconfig: process.env['KUBECONFIG'] || undefined,
    });
    ({ kubectl } = site.cloud);
    await kubeletReachable(kubectl, NODE);
    await applyPods(kubectl, [
      shellPod('shell', NODE, STAY),
      shellPod(
        'talk',
        NODE,
        'for i in 1 2 3 4 5; do echo out $i; sleep 0.05; echo err $i >&2; sleep 0.05; done; sleep 1000000',
        { beside: { second: 'echo second; sleep 1000000' } },
      ),
      shellPod(
        'again',
        NODE,
        'if [ -e /v/1 ]; then echo second; sleep 1000000; fi; touch /v/1; echo first; exit 3',
        { volumes: [{ name: 'v', emptyDir: {} }], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
      ),
      shellPod('listener', NODE, 'while read line; do echo "heard $line"; done', { stdin: true }),
      shellPod(
        'web',
        NODE,
        'mkdir /www; echo hello from the edge > /www/index.html; exec httpd -f -p 8080 -h /www',
        { readinessProbe: { httpGet: { port: 8080, path: '/index.html' }, periodSeconds: 1 } },
      ),
    ]);
    for (const name of ['shell', 'talk', 'again', 'listener', 'web']) await podRuns(kubectl, name);
  });
  after(() => site?.stop());

  describe('logs', () => {
    const logs = (...args: string[]) => kubectl(['logs', ...args]);

    test('whole, by lines, by bytes, since a time, with time stamps', async () => {
      await until('all is said', async () => (await logs('talk', '-c', 'main')).endsWith('err 5\n'), {
        timeoutMs: 20_000,
      });
      const main = (...args: string[]) => logs('talk', '-c', 'main', ...args);
      assert.equal(await main(), text(LINES));
      assert.equal(await main('--tail=3'), 'err 4\nout 5\nerr 5\n');
      assert.equal(await main('--tail=0'), '');
      assert.equal(await main('--limit-bytes=8'), 'out 1\ner');
      assert.equal(await main('--since=1h'), text(LINES));
      assert.equal(await main(`--since-time=${new Date(Date.now() + 60_000).toISOString()}`), '');
      const stamped = (await main('--timestamps', '--tail=1')).trimEnd();
      assert.match(stamped, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\S+ err 5$/);
      // kubectl says whole seconds
      assert.ok((await main(`--since-time=${stamped.split(' ')[0]}`)).endsWith('err 5\n'));
    });

    test('of one container of several, of all of them, and by label', async () => {
      assert.equal(await logs('talk', '-c', 'second'), 'second\n');
      const all = (await logs('talk', '--all-containers')).trimEnd().split('\n').sort();
      assert.deepEqual(all, [...LINES, 'second'].sort());
      assert.match(
        await logs('-l', 'app=talk', '--all-containers', '--prefix'),
        /\[pod\/talk\/second\] second/,
      );
    });

    test('of the run before', async () => {
      await until('it runs again', async () => (await logs('again')) === 'second\n', { timeoutMs: 60_000 });
      assert.equal(await logs('again', '--previous'), 'first\n');
    });

    test('followed from a start until the container ends', async () => {
      const script = 'i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo line $i; sleep 0.02; done';
      await applyPods(kubectl, [shellPod('counter', NODE, script, { restartPolicy: 'Never' })]);
      await until('it has said something', async () => (await logs('counter')) !== '', { timeoutMs: 60_000 });
      const followed = await logs('-f', 'counter');
      assert.equal(followed, text(Array.from({ length: 50 }, (_, index) => `line ${index + 1}`)));
    });

    test('that cannot be had say why', async () => {
      const why = async (...args: string[]) => (await kubectl.raw(['logs', ...args])).stderr;
      assert.match(await why('nobody'), /pods "nobody" not found/);
      assert.match(await why('talk', '-c', 'third'), /container third is not valid for pod talk/);
      assert.match(
        await why('shell', '--previous'),
        /previous terminated container "main" in pod "shell" not found/,
      );
    });
  });

  for (const webSockets of [true, false]) {
    describe(`exec, kubectl beginning with ${webSockets ? 'WebSocket' : 'SPDY'}`, () => {
      const exec = (args: readonly string[], stdin?: string) =>
        speaking(webSockets).raw(['exec', ...args], stdin);

      test('output, errors, input and exit code', async () => {
        const script = 'cat; echo err >&2; exit 5';
        const { stdout, stderr, code } = await exec(['-i', 'shell', '--', 'sh', '-c', script], 'typed\n');
        assert.equal(stdout, 'typed\n', stderr);
        assert.match(stderr, /^err\n/);
        assert.equal(code, 5);
      });

      test('a megabyte in and out again, unchanged', async () => {
        const sent = Array.from({ length: 16_384 }, (_, index) => `${index}`.padStart(63, '.')).join('\n');
        const { stdout, stderr, code } = await exec(['-i', 'shell', '--', 'cat'], sent);
        assert.equal(code, 0, stderr);
        assert.ok(stdout === sent, `${stdout.length} of ${sent.length} characters`);
      });

      test('what cannot be executed says why', async () => {
        assert.match((await exec(['nobody', '--', 'ls'])).stderr, /pods "nobody" not found/);
        const { stderr, code } = await exec(['shell', '--', '/does/not/exist']);
        assert.notEqual(code, 0);
        assert.match(stderr, /does\/not\/exist/);
      });
    });
  }

  test('exec with a terminal: it has the size of the window, and follows it', async () => {
    const go = join(dir, 'resize-now');
    // `script` gives kubectl a terminal; the window changes once the first size was seen
    const waitFor = (size: string): string =>
      `until [ "$(stty size 2>/dev/null)" = "${size}" ]; do sleep 0.05; done; stty size`;
    const inside = `${waitFor('24 80')}; ${waitFor('43 132')}`;
    const outside = `stty rows 24 cols 80; (while [ ! -e ${go} ]; do sleep 0.05; done; stty rows 43 cols 132 < /dev/tty) & kubectl --kubeconfig ${site.cloud.kubeconfig} exec -it shell -- sh -c '${inside}'`;
    const child = spawn('script', ['-qec', outside, '/dev/null'], {
      env: { ...process.env, SHELL: '/bin/sh' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      shown += part;
    });
    try {
      await until('the first size', () => shown.includes('24 80'), {
        timeoutMs: 20_000,
      });
      writeFileSync(go, '');
      await until('the new size', () => shown.includes('43 132'), { timeoutMs: 20_000 });
      if (child.exitCode === null) await once(child, 'exit');
      assert.equal(child.exitCode, 0, shown);
    } finally {
      child.kill();
    }
  });

  test('attach shows what the process says and hands it what is typed', async () => {
    for (const [turn, webSockets] of [true, false].entries()) {
      const child = speaking(webSockets).start(['attach', '-i', 'listener']);
      let heard = '';
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        heard += part;
      });
      try {
        child.stdin.write(`word ${turn}\n`);
        await until('an echo', () => heard.includes(`heard word ${turn}\n`), { timeoutMs: 20_000 });
      } finally {
        child.kill();
      }
    }
  });

  for (const webSockets of [true, false]) {
    test(`port-forward, kubectl beginning with ${webSockets ? 'WebSocket' : 'SPDY'}: several connections at once, beside one to a closed port`, async () => {
      const [open, closed] = ['8080', '9'].map((port) =>
        speaking(webSockets).start(['port-forward', 'pod/web', `:${port}`]),
      ) as [ChildProcessWithoutNullStreams, ChildProcessWithoutNullStreams];
      closed.stderr.resume();
      try {
        const page = async (port: string) => (await fetch(`http://127.0.0.1:${port}/index.html`)).text();
        const [openPort, closedPort] = await Promise.all([forwardedPort(open), forwardedPort(closed)]);
        const pages = Promise.all(Array.from({ length: 8 }, () => page(openPort)));
        await assert.rejects(page(closedPort), 'nobody listens there');
        assert.deepEqual(await pages, new Array(8).fill('hello from the edge\n'));
        assert.equal(await page(openPort), 'hello from the edge\n');
      } finally {
        open.kill();
        closed.kill();
      }
    });
  }

  test('cp there and back, byte for byte', async () => {
    const back = join(dir, 'busybox');
    await kubectl(['cp', '/bin/busybox', 'shell:/tmp/busybox']);
    await kubectl(['cp', 'shell:/tmp/busybox', back]);
    assert.ok(readFileSync(back).equals(readFileSync('/bin/busybox')));
  });

  test('the node proxy gives health, pods, figures and metrics', async () => {
    const raw = (path: string) => kubectl(['get', '--raw', `/api/v1/nodes/${NODE}/proxy/${path}`]);
    assert.equal(await raw('healthz'), 'ok');
    const { items } = JSON.parse(await raw('pods')) as { items: { metadata: { name: string } }[] };
    assert.ok(items.some(({ metadata }) => metadata.name === 'shell'));
    const summary = JSON.parse(await raw('stats/summary')) as { node: { nodeName: string } };
    assert.equal(summary.node.nodeName, NODE);
    for (const path of ['metrics', 'metrics/resource', 'metrics/cadvisor', 'metrics/probes'])
      assert.match(await raw(path), /^# HELP /m, path);
    assert.ok('kubeletconfig' in (JSON.parse(await raw('configz')) as object));
    const nothing = await kubectl.raw(['get', '--raw', `/api/v1/nodes/${NODE}/proxy/nothing`]);
    assert.match(nothing.stderr, /could not find the requested resource|not found/i);
  });

  test('top shows nodes and pods (a cluster of KUBECONFIG needs its metrics-server for it)', async (t) => {
    if (process.env['KUBECONFIG'] && !(await kubectl(['api-versions'])).includes('metrics.k8s.io/')) {
      t.skip('this cluster has no metrics-server');
      return;
    }
    const rows = await until(
      'figures of the pods',
      async () => {
        const { code, stdout } = await kubectl.raw(['top', 'pod']);
        return code === 0 && stdout.includes('shell') ? stdout : undefined;
      },
      { timeoutMs: 60_000 },
    );
    assert.match(rows, /shell\s+\d+m\s+\d+Mi/);
    assert.match(
      await kubectl(['top', 'node', NODE]),
      new RegExp(`${NODE}\\s+\\d+m\\s+\\d+%\\s+\\d+Mi\\s+\\d+%`),
    );
    assert.match(await kubectl(['top', 'pod', 'talk', '--containers']), /talk\s+second\s+\d+m\s+\d+Mi/);
  });

  test('metrics-server’s way: the published endpoint, with a token that may read metrics, and with nothing else', async () => {
    const node = await kubectl.json<PublishedNode>(['get', 'node', NODE]);
    const { address } = node.status.addresses.find(({ type }) => type === 'InternalIP') as {
      address: string;
    };
    const port = node.status.daemonEndpoints.kubeletEndpoint.Port;
    const { ca } = await loadKubeconfig({ path: site.cloud.kubeconfig, env: {} }, { clock: systemClock });
    const ask = (path: string, credentials: object) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        get({ host: address, port, path, ca, agent: false, ...credentials }, async (answer) => {
          let said = '';
          for await (const part of answer) said += part;
          resolve({ status: answer.statusCode ?? 0, text: said });
        }).once('error', reject);
      });

    await kubectl(['create', 'serviceaccount', 'gauge']);
    await kubectl(['create', 'clusterrole', 'gauge', '--verb=get', '--resource=nodes/metrics']);
    await kubectl([
      'create',
      'clusterrolebinding',
      'gauge',
      '--clusterrole=gauge',
      '--serviceaccount=default:gauge',
    ]);
    const token = (await kubectl(['create', 'token', 'gauge'])).trim();
    const withToken = { headers: { authorization: `Bearer ${token}` } };
    const metrics = await ask('/metrics/resource', withToken);
    assert.equal(metrics.status, 200, metrics.text);
    assert.match(metrics.text, /^node_cpu_usage_seconds_total /m);
    assert.equal(
      (await ask('/containerLogs/default/talk/main', withToken)).status,
      403,
      'it may read metrics only',
    );

    for (const path of ['/metrics/resource', '/healthz', '/containerLogs/default/talk/main', '/nothing'])
      assert.equal((await ask(path, {})).status, 401, path);
    const pki = join(dir, 'edge/pki');
    const ofNode = {
      cert: readFileSync(join(pki, 'server.crt')),
      key: readFileSync(join(pki, 'server.key')),
    };
    assert.equal((await ask('/metrics/resource', ofNode)).status, 403, 'the certificate of a node');
    await kubectl(['delete', 'clusterrolebinding/gauge', 'clusterrole/gauge', 'serviceaccount/gauge']);
  });

  test('debug puts a container beside those of a pod', async () => {
    await kubectl([
      'debug',
      'shell',
      '--image=docker.io/library/busybox:1',
      '-c',
      'look',
      '--',
      'sh',
      '-c',
      'echo from the debugger',
    ]);
    await until(
      'it has spoken',
      async () => (await kubectl(['logs', 'shell', '-c', 'look'])) === 'from the debugger\n',
      {
        timeoutMs: 60_000,
      },
    );
  });

  test('debug of the node sees its files', async () => {
    const mark = join(dir, 'seen-by-node-debugger');
    writeFileSync(mark, 'the node itself');
    const { stderr, stdout } = await kubectl.raw([
      'debug',
      `node/${NODE}`,
      '--image=docker.io/library/busybox:1',
      '--',
      'cat',
      `/host${mark}`,
    ]);
    const name = /Creating debugging pod (\S+)/.exec(stdout + stderr)?.[1] ?? '';
    await until('it has read the file', async () => (await kubectl(['logs', name])) === 'the node itself', {
      timeoutMs: 60_000,
    });
    await kubectl(['delete', 'pod', name]);
  });

  test('describe node says how its kubelet is reached', async () => {
    assert.ok(existsSync(dir));
    assert.match(
      await kubectl(['describe', 'node', NODE]),
      /kubeedge-ts\.io\/kubelet-route:\s+ok: the API server reaches this node/,
    );
  });
});

/** The local port, once kubectl has said that it listens. */
async function forwardedPort(child: ChildProcessWithoutNullStreams): Promise<string> {
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    said += part;
  });
  return until('the port is forwarded', () => /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1], { timeoutMs: 20_000 });
}
