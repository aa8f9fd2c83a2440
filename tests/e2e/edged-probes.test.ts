import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import type { Container, Pod, PodSpec } from '@kubeedge-ts/apis';
import { container, deleting, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';

const SERVING = 1;
const NOT_SERVING = 2;
const idle = 'trap "exit 0" TERM; while true; do sleep 0.1; done';
const sh = (script: string): string[] => ['sh', '-c', script];
const exec = (script: string) => ({ exec: { command: sh(script) } });
const fast = { periodSeconds: 1, failureThreshold: 2 };

let bed: EdgedBed;
/** Answers health checks with this. */
let health = NOT_SERVING;
let healthServer: GrpcServer;
let healthPort: number;
/** Paths and user agents of hooks that came to the node. */
const told: string[] = [];
let hookServer: HttpServer;

const named = (name: string): Pod => {
  const found = [...bed.meta.pods.values()].find(({ metadata }) => metadata.name === name);
  assert.ok(found, `no pod ${name}`);
  return found;
};
const statusesOf = (name: string) => bed.meta.statuses.get(name) ?? [];
const mainOf = (name: string) => bed.meta.statusOf(name)?.containerStatuses?.[0];
const events = (name: string): string[] =>
  bed.meta.events
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message }) => `${reason}: ${message}`);
const says = (name: string, text: string | RegExp) => (): boolean =>
  events(name).some((event) => (typeof text === 'string' ? event === text : text.test(event)));
const run = (name: string, main: Partial<Container>, spec: Partial<PodSpec> = {}): void =>
  bed.meta.putPod(pod(name, { containers: [container('main', main)], ...spec }));
const succeeds = (name: string, ...cmd: string[]): Promise<boolean> =>
  bed.exec(name, ...cmd).then(
    () => true,
    () => false,
  );

async function startHealthServer(): Promise<void> {
  healthServer = new GrpcServer();
  const same = (bytes: Buffer): Buffer => bytes;
  const method = { requestStream: false, responseStream: false } as const;
  const codec = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const service = { check: { path: '/grpc.health.v1.Health/Check', ...method, ...codec } };
  healthServer.addService(service, {
    check: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => {
      assert.equal(call.request.toString('latin1'), '\n\x04shop');
      done(null, Buffer.from([0x08, health]));
    },
  });
  healthPort = await new Promise((resolve, reject) => {
    healthServer.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

/** All at once: the tests look at one pod each. */
async function startPods(): Promise<void> {
  const serve = sh('mkdir -p /www; touch /www/index.html; exec httpd -f -p 8080 -h /www');
  const ports = [{ name: 'web', containerPort: 8080 }];
  run('http', {
    command: serve,
    ports,
    readinessProbe: { ...fast, httpGet: { port: 'web', path: '/ready' } },
  });
  run('tcp', { command: serve, ports, readinessProbe: { ...fast, tcpSocket: { port: 8080 } } });
  run('deaf', { readinessProbe: { ...fast, tcpSocket: { port: 8080 } } });
  run('unnamed', { readinessProbe: { ...fast, httpGet: { port: 'nowhere' } } });
  run(
    'grpc',
    { readinessProbe: { ...fast, grpc: { port: healthPort, service: 'shop' } } },
    { hostNetwork: true },
  );
  run('ill', {
    command: sh(`touch /alive; ${idle}`),
    livenessProbe: { ...fast, ...exec('cat /alive'), terminationGracePeriodSeconds: 3 },
  });
  run('hangs', { livenessProbe: { ...fast, failureThreshold: 1, ...exec('sleep 30') } });
  run('slow', {
    startupProbe: { ...exec('test -f /started'), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...exec('test -f /started'), periodSeconds: 1, failureThreshold: 1 },
    readinessProbe: { ...fast, ...exec('true') },
  });
  run('never', { startupProbe: { ...fast, ...exec('false') } });
  // Its third try fails.
  const count = 'echo x >> /tries; [ $(wc -l < /tries) -ne 3 ]';
  run('counted', { readinessProbe: { ...fast, ...exec(count), successThreshold: 3 } });
  const { port } = hookServer.address() as AddressInfo;
  run('hooked', {
    lifecycle: { postStart: exec('sleep 1; touch /hooked') },
    readinessProbe: { ...exec('test -f /hooked'), periodSeconds: 1, failureThreshold: 1 },
  });
  run('tells', { lifecycle: { postStart: { httpGet: { host: '127.0.0.1', port, path: '/started' } } } });
  run('unhooked', { lifecycle: { postStart: exec('echo no way >&2; exit 4') } });
  const hostPath = { path: join(bed.dir, 'shared') };
  const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
  const noting = sh('trap "echo term >> /shared/log; exit 0" TERM; while true; do sleep 0.1; done');
  run(
    'polite',
    { command: noting, volumeMounts, lifecycle: { preStop: exec('echo pre >> /shared/log; sleep 1') } },
    { volumes: [{ name: 'shared', hostPath }] },
  );
  run('sleepy', { lifecycle: { preStop: { sleep: { seconds: 60 } } } });
  run(
    'orphan',
    { volumeMounts, lifecycle: { preStop: exec('echo bye >> /shared/orphan') } },
    { volumes: [{ name: 'shared', hostPath }] },
  );
}

describe('probes and hooks with real containerd', { timeout: 120_000 }, () => {
  before(async () => {
    await startHealthServer();
    hookServer = createServer(({ url, headers }, response) => {
      told.push(`${url} ${headers['user-agent']}`);
      response.end();
    }).listen(0, '127.0.0.1');
    await once(hookServer, 'listening');
    bed = await createEdgedBed();
    await mkdir(join(bed.dir, 'shared'));
    await bed.start();
    await startPods();
  });
  after(async () => {
    healthServer.forceShutdown();
    hookServer.close();
    await bed?.close();
  });

  test('http readiness, on a named port, decides over Ready: both ways, and no traffic before it says so', async () => {
    await bed.until(
      'refused',
      says('http', 'Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404'),
    );
    assert.equal(bed.isReady('http'), false);
    assert.equal(mainOf('http')?.started, true);
    await bed.exec('http', 'touch', '/www/ready');
    await bed.until('ready', () => bed.isReady('http'));
    await bed.exec('http', 'rm', '/www/ready');
    await bed.until('unready', () => !bed.isReady('http'));
    assert.equal(mainOf('http')?.restartCount, 0);
    await bed.exec('http', 'touch', '/www/ready');
    await bed.until('ready again', () => bed.isReady('http'));
  });

  test('tcp readiness is a connection; where nobody listens the pod never is ready, and says why', async () => {
    await bed.until('ready', () => bed.isReady('tcp'));
    await bed.until(
      'refused',
      says(
        'deaf',
        /^Unhealthy: Readiness probe failed: dial tcp 10\.[\d.]+:8080: connect: connection refused$/,
      ),
    );
    assert.equal(bed.isReady('deaf'), false);
  });

  test('a probe of a port that the container does not have says so, and the pod runs unready', async () => {
    await bed.until(
      'told',
      says('unnamed', 'Unhealthy: Readiness probe errored: strconv.Atoi: parsing "nowhere": invalid syntax'),
    );
    assert.equal(bed.phaseOf('unnamed'), 'Running');
    assert.equal(bed.isReady('unnamed'), false);
  });

  test('grpc readiness follows the health service', async () => {
    await bed.until(
      'refused',
      says('grpc', 'Unhealthy: Readiness probe failed: service unhealthy (responded with "NOT_SERVING")'),
    );
    assert.equal(bed.isReady('grpc'), false);
    health = SERVING;
    await bed.until('ready', () => bed.isReady('grpc'));
  });

  test('a container that fails its liveness probe is restarted, with the events a user knows', async () => {
    await bed.until('runs', () => bed.isReady('ill'));
    await bed.exec('ill', 'rm', '/alive');
    await bed.until('restarted', () => mainOf('ill')?.restartCount === 1 && bed.isReady('ill'));
    assert.ok(
      says(
        'ill',
        /^Unhealthy: Liveness probe failed: cat: can't open '\/alive': No such file or directory\n$/,
      )(),
    );
    assert.ok(says('ill', 'Killing: Container main failed liveness probe, will be restarted')());
    assert.equal(mainOf('ill')?.lastState?.terminated?.exitCode, 0, 'it was asked, not killed');
  });

  test('a command that takes longer than its timeout counts as failed', async () => {
    await bed.until(
      'given up',
      says('hangs', 'Killing: Container main failed liveness probe, will be restarted'),
    );
    assert.ok(
      says(
        'hangs',
        'Unhealthy: Liveness probe failed: command timed out: "sh -c sleep 30" timed out after 1s',
      )(),
    );
    assert.ok(bed.isReady('tcp'), 'others were not delayed');
  });

  test('until the startup probe succeeds the others are not asked; then the container is started and ready', async () => {
    await bed.until('asked', says('slow', /^Unhealthy: Startup probe failed/));
    assert.deepEqual([mainOf('slow')?.started, mainOf('slow')?.ready], [false, false]);
    await bed.exec('slow', 'touch', '/started');
    await bed.until('ready', () => bed.isReady('slow'));
    assert.equal(mainOf('slow')?.started, true);
    assert.equal(mainOf('slow')?.restartCount, 0, 'liveness would have ended it at its first try');
    assert.ok(!says('slow', /Liveness/)());
  });

  test('a container that does not start in its time is restarted', async () => {
    await bed.until('restarted', () => (mainOf('never')?.restartCount ?? 0) >= 1);
    assert.ok(says('never', 'Killing: Container main failed startup probe, will be restarted')());
    assert.ok(!bed.isReady('never'));
  });

  test('successThreshold: ready only after so many successes in a row', async () => {
    await bed.until('ready', () => bed.isReady('counted'));
    const since = bed.meta
      .statusOf('counted')
      ?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
    const seconds =
      (Date.parse(since ?? '') - Date.parse(mainOf('counted')?.state?.running?.startedAt ?? '')) / 1_000;
    assert.ok(seconds >= 4, `ready after ${seconds} s, the sixth try comes after five`);
  });

  test('what postStart does is done before the container shows as running', async () => {
    await bed.until('ready', () => bed.isReady('hooked'));
    assert.ok(await succeeds('hooked', 'test', '-f', '/hooked'));
    assert.deepEqual(
      events('hooked').filter((event) => event.startsWith('Unhealthy')),
      [],
    );
    await bed.until('told', () => told.includes('/started kube-lifecycle/1.32'));
  });

  test('a container whose postStart fails is stopped, says why, and is tried again', async () => {
    const waiting = await bed.until('waits', () => {
      const state = mainOf('unhooked')?.state?.waiting;
      return state?.reason === 'PostStartHookError' ? state : undefined;
    });
    const { uid } = named('unhooked').metadata;
    assert.equal(
      waiting.message,
      `Exec lifecycle hook ([sh -c echo no way >&2; exit 4]) for Container "main" in Pod "unhooked_default(${uid})" failed - ` +
        `error: command 'sh -c echo no way >&2; exit 4' exited with 4: no way\n, message: "no way\\n"`,
    );
    assert.ok(says('unhooked', 'FailedPostStartHook: PostStartHook failed')());
    assert.ok(says('unhooked', 'Killing: FailedPostStartHook')());
    await bed.until('again', () => (mainOf('unhooked')?.restartCount ?? 0) >= 1);
  });

  test('edged stopped and started: nothing becomes unready in between, the probes go on, and a pod forgotten meanwhile is told', async () => {
    const ready = ['http', 'tcp', 'grpc', 'slow', 'counted', 'hooked'];
    await bed.until('all ready', () => ready.every(bed.isReady));
    const counted = bed.containerId('counted');
    const tries = async (): Promise<number> =>
      (await bed.cri.execSync({ containerId: counted, cmd: ['cat', '/tries'], timeout: 5 })).stdout.length;
    await bed.stop();
    bed.echoStatuses();
    bed.meta.pods.delete(named('orphan').metadata.uid ?? '');
    const [said, before] = [new Map(ready.map((name) => [name, statusesOf(name).length])), await tries()];
    await bed.start();
    await bed.until('asked again', async () => (await tries()) > before);
    await bed.until('ended', async () => {
      const { items } = await bed.cri.listPodSandbox({});
      return !items.some(({ metadata, state }) => metadata?.name === 'orphan' && state === 0);
    });
    assert.equal(await readFile(join(bed.dir, 'shared/orphan'), 'utf8'), 'bye\n');
    for (const name of ready) {
      const later = statusesOf(name).slice(said.get(name));
      assert.ok(
        later.every(({ containerStatuses }) => containerStatuses?.[0]?.ready === true),
        `${name} flapped`,
      );
      assert.ok(bed.isReady(name));
    }
    await bed.exec('http', 'rm', '/www/ready');
    await bed.until('still followed', () => !bed.isReady('http'));
  });

  test('preStop is over before SIGTERM comes, within the grace', async () => {
    await bed.until('runs', () => bed.isReady('polite'));
    const began = performance.now();
    bed.meta.putPod(deleting(named('polite'), 20));
    await bed.until('ended', () => bed.meta.deleted.includes('polite'));
    assert.equal(await readFile(join(bed.dir, 'shared/log'), 'utf8'), 'pre\nterm\n');
    const ms = performance.now() - began;
    assert.ok(ms >= 1_000 && ms < 8_000, `${ms} ms`);
  });

  test('a preStop that takes too long is cut by the grace; the container still gets its moment to obey', async () => {
    await bed.until('runs', () => bed.isReady('sleepy'));
    const began = performance.now();
    bed.meta.putPod(deleting(named('sleepy'), 3));
    await bed.until('ended', () => bed.meta.deleted.includes('sleepy'));
    const ms = performance.now() - began;
    assert.ok(ms >= 3_000 && ms < 8_000, `${ms} ms`);
    assert.ok(!says('sleepy', /FailedPreStopHook/)());
  });

  test('all pods deleted: nothing of them is left', async () => {
    await bed.deleteAllPods();
    await bed.assertNothingLeft();
  });
});
