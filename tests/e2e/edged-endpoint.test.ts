import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openChannels } from '@kubeedge-ts/testing/channel-client';
import { container, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';
import { type KubectlGate, startKubectlGate } from './lib/kubectl-gate.ts';

const PORT = 10_350;
let bed: EdgedBed;
let gate: KubectlGate;
/** The endpoint as the cloud reaches it. */
let server: Server;
let cloud: string;

const sh = (script: string, fields: object = {}) =>
  container('main', { command: ['sh', '-c', script], ...fields });
const get = async (path: string, base = cloud) => {
  const response = await fetch(`${base}${path}`);
  return { status: response.status, text: await response.text() };
};
const logs = (name: string, query = '') => get(`/containerLogs/default/${name}/main?${query}`);
const exec = (name: string, command: readonly string[], query = 'output=1&error=1') =>
  openChannels(
    `${cloud.replace('http', 'ws')}/exec/default/${name}/main?${query}&${command.map((word) => `command=${encodeURIComponent(word)}`).join('&')}`,
  );
const uidOf = (name: string): string =>
  [...bed.meta.pods.values()].find(({ metadata }) => metadata.name === name)?.metadata.uid ?? '';

describe('the kubelet endpoint with real containerd', { timeout: 180_000 }, () => {
  before(async () => {
    bed = await createEdgedBed({
      name: 'endpoint',
      config: {
        readOnlyPort: PORT,
        containerLogs: { maxBytes: 64 * 1024, maxFiles: 3, maxWorkers: 1, intervalMs: 1_000 },
      },
    });
    await bed.start();
    server = bed.edged.kubelet.server('cloud');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cloud = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    gate = await startKubectlGate(
      () => bed.edged,
      () =>
        [...bed.meta.pods.values()].map((one) => ({
          ...one,
          status: bed.meta.statusOf(one.metadata.name) ?? {},
        })),
    );
    bed.meta.putPod(
      pod('shell', {
        containers: [sh('ln -s /bin/busybox /bin/tar; trap "exit 0" TERM; while true; do sleep 0.1; done')],
      }),
    );
    bed.meta.putPod(
      pod('talk', {
        restartPolicy: 'Never',
        containers: [
          sh('for i in 1 2 3 4 5; do echo out $i; sleep 0.05; echo err $i >&2; sleep 0.05; done; sleep 1000'),
        ],
      }),
    );
    bed.meta.putPod(
      pod('again', {
        containers: [
          sh('if [ -e /v/1 ]; then echo second; sleep 1000; fi; touch /v/1; echo first; exit 3', {
            volumeMounts: [{ name: 'v', mountPath: '/v' }],
          }),
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      }),
    );
    bed.meta.putPod(
      pod('web', {
        containers: [
          sh('mkdir /www; echo hello from the pod > /www/index.html; exec httpd -f -p 8080 -h /www'),
        ],
      }),
    );
    await bed.until('all run', () => ['shell', 'talk', 'again', 'web'].every((name) => bed.isReady(name)));
  });
  after(async () => {
    server?.close();
    server?.closeAllConnections();
    await gate?.close();
    await bed?.close();
  });

  describe('logs', () => {
    const LINES = [1, 2, 3, 4, 5].flatMap((n) => [`out ${n}`, `err ${n}`]);

    test('whole, by lines, by bytes, by stream, with time stamps, since a time', async () => {
      await bed.until('all said', async () => (await logs('talk')).text.endsWith('err 5\n'));
      assert.equal((await logs('talk')).text, LINES.map((line) => `${line}\n`).join(''));
      assert.equal((await logs('talk', 'tailLines=3')).text, 'err 4\nout 5\nerr 5\n');
      assert.equal((await logs('talk', 'tail=1')).text, 'err 5\n');
      assert.equal((await logs('talk', 'tailLines=0')).text, '');
      assert.equal((await logs('talk', 'limitBytes=8')).text, 'out 1\ner');
      assert.equal((await logs('talk', 'stream=Stderr')).text, 'err 1\nerr 2\nerr 3\nerr 4\nerr 5\n');
      assert.equal((await logs('talk', 'sinceSeconds=3600')).text, LINES.map((line) => `${line}\n`).join(''));
      assert.equal((await logs('talk', `sinceTime=${new Date(Date.now() + 60_000).toISOString()}`)).text, '');
      const stamped = (await logs('talk', 'timestamps=true&tailLines=1')).text.split('\n');
      assert.match(stamped[0] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S+ err 5$/);
      const time = stamped[0]?.split(' ')[0] ?? '';
      assert.equal((await logs('talk', `sinceTime=${encodeURIComponent(time)}`)).text, 'err 5\n');
    });

    test('of the run before', async () => {
      await bed.until(
        'runs again',
        () => bed.meta.statusOf('again')?.containerStatuses?.[0]?.restartCount === 1,
      );
      await bed.until('said', async () => (await logs('again')).text === 'second\n');
      assert.equal((await logs('again', 'previous=true')).text, 'first\n');
      const { status, text } = await logs('shell', 'previous=true');
      assert.deepEqual(
        [status, text],
        [400, 'previous terminated container "main" in pod "shell" not found\n'],
      );
    });

    test('that cannot be had say why', async () => {
      assert.equal((await logs('none')).status, 404);
      assert.equal((await get('/containerLogs/default/shell/none')).status, 404);
      assert.equal((await logs('shell', 'tailLines=x')).status, 400);
      assert.equal((await logs('shell', 'tailLines=-1')).status, 422);
    });

    test('followed across rotations: nothing lost, nothing twice, and it ends with the container', async () => {
      const count = 6_000;
      bed.meta.putPod(
        pod('chatty', {
          restartPolicy: 'Never',
          containers: [
            sh(
              `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "line $i of a chatty container, long enough to fill files"; [ $((i % 300)) -eq 0 ] && sleep 0.2; done; sleep 0.5`,
            ),
          ],
        }),
      );
      await bed.until(
        'runs',
        () => bed.meta.statusOf('chatty')?.containerStatuses?.[0]?.state?.running !== undefined,
      );
      const { text } = await logs('chatty', 'follow=true');
      const numbers = text
        .split('\n')
        .slice(0, -1)
        .map((line) => Number(/^line (\d+) of/.exec(line)?.[1]));
      assert.deepEqual(
        numbers,
        Array.from({ length: count }, (_, index) => index + 1),
      );
      const files = (
        await readdir(join(bed.dir, 'pod-logs', `default_chatty_${uidOf('chatty')}`, 'main'))
      ).sort();
      assert.equal(files.length, 3, files.join());
      assert.equal(files[0], '0.log');
      assert.ok(
        files.some((name) => name.endsWith('.gz')),
        files.join(),
      );
      await bed.until('ended', () => bed.phaseOf('chatty') === 'Succeeded');
    });
  });

  describe('exec', () => {
    test('over WebSocket: output, errors, exit code, input', async () => {
      const client = await exec(
        'shell',
        ['sh', '-c', 'echo out; echo err >&2; read line; echo "got $line"; exit 7'],
        'input=1&output=1&error=1',
      );
      client.send('word\n');
      assert.deepEqual(await client.status, { status: 'Failure', code: 7 });
      assert.equal(client.stdout, 'out\ngot word\n');
      assert.equal(client.stderr, 'err\n');
    });

    test('a terminal has the size its client says', async () => {
      const client = await exec(
        'shell',
        ['sh', '-c', 'while read line; do stty size; done'],
        'input=1&output=1&tty=1',
      );
      client.resize(101, 41);
      await client.until(({ stdout }) => {
        client.send('\n');
        return stdout.includes('41 101');
      });
      client.resize(80, 24);
      await client.until(({ stdout }) => {
        client.send('\n');
        return stdout.includes('24 80');
      });
      client.terminate();
    });

    test('offers of v5 and v4 become v4; of v5 alone, no upgrade', async () => {
      const url = `${cloud.replace('http', 'ws')}/exec/default/shell/main?command=echo&command=hi&output=1`;
      const client = await openChannels(url, ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
      assert.equal((await client.status).status, 'Success');
      assert.equal(client.stdout, 'hi\n');
      await assert.rejects(openChannels(url, ['v5.channel.k8s.io']), /status 403/);
    });

    test('twenty at once, each with its own output and exit code', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const client = await exec('shell', ['sh', '-c', `echo ${index}; sleep 0.2; exit ${index}`]);
          return { ...(await client.status), stdout: client.stdout };
        }),
      );
      for (const [index, { code, stdout }] of outcomes.entries())
        assert.deepEqual([code, stdout], [index, `${index}\n`]);
    });

    test('clients that vanish take nothing with them', async () => {
      const others = await exec('shell', ['sh', '-c', 'sleep 2; echo whole']);
      for (let turn = 0; turn < 10; turn++) {
        const client = await exec('shell', ['sh', '-c', 'while true; do echo x; sleep 0.01; done']);
        await client.until(({ stdout }) => stdout !== '');
        client.terminate();
      }
      assert.equal((await others.status).status, 'Success');
      assert.equal(others.stdout, 'whole\n');
    });

    test('what cannot be executed says why', async () => {
      await assert.rejects(exec('none', ['ls']), /status 404/);
      await assert.rejects(exec('shell', []), /status 400/);
      await assert.rejects(exec('shell', ['ls'], 'x=1'), /status 400/);
      const client = await exec('shell', ['/does/not/exist']);
      assert.equal((await client.status).status, 'Failure');
    });

    test('/run answers with all a command says', async () => {
      const run = async (cmd: string) => {
        const response = await fetch(`${cloud}/run/default/shell/main?cmd=${encodeURIComponent(cmd)}`, {
          method: 'POST',
        });
        return [response.status, await response.text()];
      };
      assert.deepEqual(await run('echo a b'), [200, 'a b\n']);
      assert.match(String((await run('false'))[1]), /^command 'false' exited with 1/);
    });
  });

  test('attach shows what the process says and hands it what is typed', async () => {
    bed.meta.putPod(
      pod('listener', { containers: [sh('while read line; do echo "heard $line"; done', { stdin: true })] }),
    );
    await bed.until('runs', () => bed.isReady('listener'));
    const client = await openChannels(
      `${cloud.replace('http', 'ws')}/attach/default/listener/main?input=1&output=1&error=1`,
    );
    client.send('one\n');
    await client.until(({ stdout }) => stdout === 'heard one\n');
    client.send('two\n');
    await client.until(({ stdout }) => stdout === 'heard one\nheard two\n');
    client.terminate();
  });

  describe('kubectl', () => {
    test('exec offers v5, falls back to SPDY by itself, and carries input, output and exit code', async () => {
      const { stdout, stderr, code } = await gate.run(
        ['exec', '-i', 'shell', '--', 'sh', '-c', 'cat; echo err >&2; exit 5'],
        'typed\n',
      );
      assert.equal(stdout, 'typed\n', stderr);
      assert.match(stderr, /^err\n/);
      assert.equal(code, 5);
      assert.deepEqual(gate.upgrades.slice(-2), ['websocket v5.channel.k8s.io', 'SPDY/3.1']);
    });

    test('logs, and attach', async () => {
      assert.equal((await gate.run(['logs', 'talk', '--tail=1'])).stdout, 'err 5\n');
      const child = gate.start('attach', '-i', 'listener');
      try {
        child.stdin?.write('kubectl\n');
        const [heard] = (await once(child.stdout!, 'data')) as [Buffer];
        assert.equal(heard.toString(), 'heard kubectl\n');
      } finally {
        child.kill();
      }
    });

    test('port-forward reaches a server in the pod, several connections at once', async () => {
      const child = gate.start('port-forward', 'pod/web', ':8080');
      try {
        const [first] = (await once(child.stdout!, 'data')) as [Buffer];
        const port = /127\.0\.0\.1:(\d+) ->/.exec(first.toString())?.[1];
        const pages = await Promise.all(
          Array.from({ length: 8 }, async () => (await fetch(`http://127.0.0.1:${port}/index.html`)).text()),
        );
        assert.deepEqual(pages, new Array(8).fill('hello from the pod\n'));
      } finally {
        child.kill();
      }
    });

    test('cp there and back, byte for byte', async () => {
      const { code, stderr } = await gate.run(['cp', '/bin/busybox', 'shell:/tmp/busybox']);
      assert.equal(code, 0, stderr);
      const back = join(bed.dir, 'busybox');
      assert.equal((await gate.run(['cp', 'shell:/tmp/busybox', back])).code, 0);
      assert.ok((await readFile(back)).equals(await readFile('/bin/busybox')));
    });
  });

  describe('on loopback', () => {
    const local = `http://127.0.0.1:${PORT}`;

    test('anyone sees health, pods and figures; nobody gets into containers', async () => {
      await bed.until('open', async () => (await get('/healthz', local)).text === 'ok');
      for (const path of [
        '/healthz/ping',
        '/healthz/log',
        '/healthz/syncloop',
        '/configz',
        '/metrics/probes',
        '/runningpods/',
      ]) {
        assert.equal((await get(path, local)).status, 200, path);
      }
      const { items } = JSON.parse((await get('/pods', local)).text) as {
        items: { metadata: { name: string }; status: { phase: string } }[];
      };
      assert.equal(items.find(({ metadata }) => metadata.name === 'shell')?.status.phase, 'Running');
      for (const path of [
        '/containerLogs/default/shell/main',
        '/exec/default/shell/main?command=ls&output=1',
      ]) {
        assert.equal((await get(path, local)).status, 403, path);
      }
      const run = await fetch(`${local}/run/default/shell/main?cmd=ls`, { method: 'POST' });
      assert.equal(run.status, 403);
      await assert.rejects(
        openChannels(`ws://127.0.0.1:${PORT}/exec/default/shell/main?command=ls&output=1`),
        /status 403/,
      );
    });

    test('a checkpoint fails with the runtime’s words, as containerd 1.6 has none', async () => {
      const response = await fetch(`${cloud}/checkpoint/default/shell/main`, { method: 'POST' });
      assert.equal(response.status, 500);
      assert.match(
        await response.text(),
        /^checkpointing of default\/shell\/main failed \(.*not implemented/,
      );
    });

    test('/stats/summary agrees with the cgroups', async () => {
      bed.meta.putPod(
        pod('busy', {
          containers: [
            sh('dd if=/dev/zero of=/v/file bs=1M count=3 2>/dev/null; while true; do :; done', {
              resources: {
                limits: { cpu: '200m', memory: '64Mi' },
                requests: { cpu: '200m', memory: '64Mi' },
              },
              volumeMounts: [{ name: 'v', mountPath: '/v' }],
            }),
          ],
          volumes: [{ name: 'v', emptyDir: {} }],
        }),
      );
      await bed.until('runs', () => bed.isReady('busy'));
      interface Usage {
        cpu: { usageNanoCores: number; usageCoreNanoSeconds: number };
        memory: { workingSetBytes: number; availableBytes: number };
      }
      interface Summary {
        node: Usage & {
          nodeName: string;
          fs: { usedBytes: number; capacityBytes: number };
          runtime: { imageFs: object };
          network: { name: string };
          rlimit: { curproc: number };
        };
        pods: (Usage & {
          podRef: { name: string };
          network: { name: string; rxBytes: number };
          volume?: { name: string; usedBytes: number }[];
          'ephemeral-storage'?: { usedBytes: number };
          process_stats: { process_count: number };
          containers: (Usage & { name: string; logs: object; rootfs: object })[];
        })[];
      }
      const look = async (): Promise<Summary> => JSON.parse((await get('/stats/summary', local)).text);
      const usageFile = `kubepods/pod${uidOf('busy')}/cpuacct.usage`;
      const one = await bed.until('volume measured', async () => {
        const summary = await look();
        const busy = summary.pods.find(({ podRef }) => podRef.name === 'busy');
        const size = busy?.volume?.find(({ name }) => name === 'v')?.usedBytes ?? 0;
        return size >= 3 * 2 ** 20 && busy?.['ephemeral-storage'] !== undefined
          ? { summary, busy }
          : undefined;
      });
      const before = Number(await bed.readCgroup('cpuacct', usageFile));
      assert.ok(one.busy.cpu.usageCoreNanoSeconds <= before);
      // kept for at most five seconds, then read anew
      const two = await bed.until('fresh', async () => {
        const busy = (await look()).pods.find(({ podRef }) => podRef.name === 'busy');
        return (busy?.cpu.usageCoreNanoSeconds ?? 0) > before ? busy : undefined;
      });
      const now = Number(await bed.readCgroup('cpuacct', usageFile));
      assert.ok(two!.cpu.usageCoreNanoSeconds <= now);
      // a loop under a limit of a fifth of a core
      assert.ok(
        two!.cpu.usageNanoCores > 0.1e9 && two!.cpu.usageNanoCores < 0.3e9,
        `${two!.cpu.usageNanoCores}`,
      );
      assert.ok(two!.memory.workingSetBytes > 0 && two!.memory.workingSetBytes < 64 * 2 ** 20);
      assert.ok(two!.memory.availableBytes + two!.memory.workingSetBytes === 64 * 2 ** 20);
      assert.equal(two!.network.name, 'eth0');
      assert.ok((two!['ephemeral-storage']?.usedBytes ?? 0) >= 3 * 2 ** 20);
      assert.ok(two!.process_stats.process_count >= 1);
      assert.deepEqual(
        two!.containers.map(({ name }) => name),
        ['main'],
      );
      const { node } = one.summary;
      assert.equal(node.nodeName, 'edge-a');
      assert.ok(node.cpu.usageCoreNanoSeconds > two!.cpu.usageCoreNanoSeconds);
      assert.ok(node.memory.workingSetBytes > two!.memory.workingSetBytes);
      assert.ok(node.fs.usedBytes > 0 && node.fs.usedBytes < node.fs.capacityBytes);
      assert.ok(node.rlimit.curproc > 10);
      const short = JSON.parse((await get('/stats/summary?only_cpu_and_memory=true', local)).text) as Summary;
      assert.equal(short.node.fs, undefined);
      assert.ok((short.pods[0]?.cpu.usageCoreNanoSeconds ?? 0) > 0);
    });

    test('metrics for metrics-server, for dashboards, and of the agent', async () => {
      const value = (text: string, line: RegExp): number => Number(line.exec(text)?.[1] ?? Number.NaN);
      const resource = (await get('/metrics/resource', local)).text;
      const cpu = value(
        resource,
        /^container_cpu_usage_seconds_total\{container="main",namespace="default",pod="busy"\} (\S+) \d{13}$/m,
      );
      const now = Number(await bed.readCgroup('cpuacct', `kubepods/pod${uidOf('busy')}/cpuacct.usage`)) / 1e9;
      assert.ok(cpu > 0 && cpu <= now, `${cpu} ${now}`);
      assert.match(resource, /^resource_scrape_error 0$/m);
      const cadvisor = (await get('/metrics/cadvisor', local)).text;
      assert.match(
        cadvisor,
        /^container_memory_working_set_bytes\{[^}]*container="main",id="[^"]+",image="[^"]*busybox:1",name="\w{64}",namespace="default",pod="busy"\} \d+ \d{13}$/m,
      );
      assert.match(
        cadvisor,
        /^container_network_receive_bytes_total\{interface="eth0",[^}]*pod="busy"\} \d+ \d{13}$/m,
      );
      assert.match(
        cadvisor,
        /^container_spec_cpu_quota\{[^}]*namespace="default",pod="busy"[^}]*\} 20000 \d{13}$/m,
      );
      const agent = (await get('/metrics', local)).text;
      assert.equal(
        value(agent, /^kubelet_running_pods (\d+)$/m),
        value(agent, /^kubelet_desired_pods\{static=""\} (\d+)$/m) - 1,
      );
      assert.match(agent, /^kubelet_node_name\{node="edge-a"\} 1$/m);
      assert.ok(value(agent, /^kubelet_pod_start_duration_seconds_count (\d+)$/m) >= 5);
      assert.ok(
        value(agent, /^kubelet_runtime_operations_total\{operation_type="run_podsandbox"\} (\d+)$/m) >= 5,
      );
      assert.ok(value(agent, /^process_resident_memory_bytes (\d+)$/m) > 2 ** 20);
    });
  });
});
