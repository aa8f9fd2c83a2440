import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Container } from '@kubeedge-ts/apis';
import { criErrors, isKubeEdgeError } from '@kubeedge-ts/errors';
import { silentLogger } from '@kubeedge-ts/runtime';
import type { HookTarget } from '../runtime/carry-out.ts';
import { ANNOTATION } from '../runtime/labels.ts';
import { type ManualClock, manualClock } from '../testing/manual-clock.ts';
import { container, pod } from '../testing/pods.ts';
import { createHooks, type Hooks } from './index.ts';

type Handler = NonNullable<NonNullable<Container['lifecycle']>['preStop']>;
type Exec = { containerId: string; cmd: string[]; timeout: number };

const never = new AbortController().signal;

let clock: ManualClock;
let hooks: Hooks;
let executed: Exec[];
let events: string[];
/** What a command in a container comes to. */
let exec: (
  request: Exec,
  signal: AbortSignal,
) => Promise<{ exitCode: number; stdout: string; stderr: string }>;
/** What the runtime remembers of containers. */
let annotations: Record<string, string> | Error;

beforeEach(() => {
  clock = manualClock();
  executed = [];
  events = [];
  annotations = {};
  exec = async () => ({ exitCode: 0, stdout: '', stderr: '' });
  const cri = {
    execSync: async (request: Exec, { signal }: { signal: AbortSignal }) => {
      executed.push(request);
      const { exitCode, stdout, stderr } = await exec(request, signal);
      return { exitCode, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) };
    },
    containerStatus: async () => {
      if (annotations instanceof Error) throw annotations;
      return { status: { annotations } };
    },
  };
  hooks = createHooks({
    cri: cri as never,
    events: {
      pod: (_pod, type, reason, message, name) => events.push(`${name} ${type} ${reason}: ${message}`),
    },
    clock,
    log: silentLogger,
  });
});

const targetOf = (lifecycle: Container['lifecycle'], fields: Partial<Container> = {}): HookTarget => {
  const spec = { containers: [container('main', { ...(lifecycle ? { lifecycle } : {}), ...fields })] };
  return { pod: pod('web', spec, { uid: 'u1' }), name: 'main', containerId: 'c1', podIPs: ['127.0.0.1'] };
};
const postStart = (handler: Handler, fields?: Partial<Container>) =>
  hooks.postStart(targetOf({ postStart: handler }, fields), never);
const preStop = (handler: Handler, graceSeconds = 30, signal = never) =>
  hooks.preStop(targetOf({ preStop: handler }), graceSeconds, signal);
const hang = (_request: Exec, signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('postStart', () => {
  test('runs its command in the container, for as long as it takes', async () => {
    await postStart({ exec: { command: ['touch', '/ready'] } });
    assert.deepEqual(executed, [{ containerId: 'c1', cmd: ['touch', '/ready'], timeout: 0 }]);
    assert.deepEqual(events, []);
  });

  test("that fails rejects with the kubelet's text and reason; the event keeps the output to itself", async () => {
    exec = async () => ({ exitCode: 2, stdout: 'half', stderr: 'broken' });
    await assert.rejects(postStart({ exec: { command: ['sh', '-c', 'x'] } }), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGED_HOOK'));
      assert.equal(error.details['reason'], 'PostStartHookError');
      assert.equal(
        error.message,
        `Exec lifecycle hook ([sh -c x]) for Container "main" in Pod "web_default(u1)" failed - error: command 'sh -c x' exited with 2: broken, message: "halfbroken"`,
      );
      return true;
    });
    assert.deepEqual(events, ['main Warning FailedPostStartHook: PostStartHook failed']);
  });

  test('that the runtime refuses fails too', async () => {
    exec = async () => {
      throw criErrors.create('CRI_FAILED', {
        method: 'ExecSync',
        grpcCode: 'UNKNOWN',
        problem: 'no such file',
      });
    };
    await assert.rejects(
      postStart({ exec: { command: ['nope'] } }),
      /rpc error: code = Unknown desc = no such file/,
    );
  });

  test('sleeps', async () => {
    const slept = postStart({ sleep: { seconds: 3 } });
    await clock.pass(2_900);
    assert.equal(await Promise.race([slept.then(() => 'over'), 'sleeping']), 'sleeping');
    await clock.pass(200);
    await slept;
  });

  test('by tcpSocket or by nothing is no hook, and fails as upstream', async () => {
    await assert.rejects(
      postStart({ tcpSocket: { port: 80 } }),
      /^KubeEdgeError: Cannot run handler: invalid handler/,
    );
    await assert.rejects(postStart({}), /invalid handler/);
  });

  test('ends with its signal, which is no failure of the hook', async () => {
    exec = hang;
    const stopping = new AbortController();
    const running = hooks.postStart(targetOf({ postStart: { exec: { command: ['x'] } } }), stopping.signal);
    stopping.abort(new Error('enough'));
    await assert.rejects(running, /enough/);
    assert.deepEqual(events, []);
  });

  test('of a container without one is nothing', async () => {
    await hooks.postStart(targetOf(undefined), never);
    await hooks.postStart({ ...targetOf(undefined), pod: { metadata: { name: 'gone' } } }, never);
    assert.deepEqual(executed, []);
  });
});

describe('preStop', () => {
  test('resolves with the whole seconds it took', async () => {
    const stopped = preStop({ sleep: { seconds: 5 } });
    await clock.pass(5_400);
    assert.equal(await stopped, 5);
  });

  test('is cut when the grace period is over, and its command with it', async () => {
    let cut = false;
    exec = (request, signal) => {
      signal.addEventListener('abort', () => {
        cut = true;
      });
      return hang(request, signal);
    };
    const stopped = preStop({ exec: { command: ['sleep', '99'] } }, 4);
    await clock.pass(4_000);
    assert.equal(await stopped, 4);
    assert.equal(cut, true);
    assert.deepEqual(events, []);
    assert.equal(clock.armed, 0);
  });

  test('that fails leaves an event and lets the container stop', async () => {
    exec = async () => ({ exitCode: 1, stdout: '', stderr: 'secret' });
    assert.equal(await preStop({ exec: { command: ['x'] } }), 0);
    assert.deepEqual(events, ['main Warning FailedPreStopHook: PreStopHook failed']);
  });

  test('is not run without grace', async () => {
    assert.equal(await preStop({ exec: { command: ['x'] } }, 0), 0);
    assert.deepEqual(executed, []);
  });

  test('that is over is not run again when stopping is tried again', async () => {
    const target = targetOf({ preStop: { sleep: { seconds: 3 } } });
    const first = hooks.preStop(target, 30, never);
    await clock.pass(3_000);
    assert.equal(await first, 3);
    assert.equal(await hooks.preStop(target, 27, never), 0);
    const other = hooks.preStop({ ...target, containerId: 'c2' }, 30, never);
    await clock.pass(3_000);
    assert.equal(await other, 3);
  });

  test('that was interrupted by news of the pod runs again within the new grace', async () => {
    const target = targetOf({ preStop: { exec: { command: ['drain'] } } });
    exec = hang;
    const news = new AbortController();
    const first = hooks.preStop(target, 30, news.signal);
    await clock.pass(1_000);
    news.abort(new Error('sooner'));
    await assert.rejects(first, /sooner/);
    const second = hooks.preStop(target, 2, never);
    await clock.pass(2_000);
    assert.equal(await second, 2);
    assert.equal(executed.length, 2);
  });

  describe('of a pod the store does not know', () => {
    const orphan = {
      pod: { metadata: { name: 'old', namespace: 'default', uid: 'u2' } },
      name: 'main',
      containerId: 'c9',
      podIPs: [],
    };

    test("is the one in the container's annotations", async () => {
      annotations = { [ANNOTATION.preStopHandler]: JSON.stringify({ exec: { command: ['bye'] } }) };
      assert.equal(await hooks.preStop(orphan, 1, never), 0);
      assert.deepEqual(executed, [{ containerId: 'c9', cmd: ['bye'], timeout: 0 }]);
    });

    for (const [what, text] of Object.entries({
      nothing: undefined,
      rubbish: '{',
      null: 'null',
      list: '[1]',
      text: '"x"',
      number: '7',
    })) {
      test(`${what} there is no hook`, async () => {
        annotations =
          text === undefined ? {} : { [ANNOTATION.preStopHandler]: text, [ANNOTATION.ports]: text };
        assert.equal(await hooks.preStop(orphan, 1, never), 0);
        assert.deepEqual([executed, events], [[], []]);
      });
    }

    test('a handler of the wrong shape is a failed hook, no crash', async () => {
      const handlers = [{ exec: 5 }, { exec: { command: 'ls' } }, { httpGet: [] }, { httpGet: { port: {} } }];
      for (const handler of handlers) {
        annotations = { [ANNOTATION.preStopHandler]: JSON.stringify(handler) };
        await hooks.preStop({ ...orphan, containerId: JSON.stringify(handler) }, 1, never);
      }
      assert.deepEqual(events, Array(2).fill('main Warning FailedPreStopHook: PreStopHook failed'));
    });

    test('neither a container that is gone nor a runtime that refuses keeps it from stopping', async () => {
      annotations = criErrors.create('CRI_NOT_FOUND', { method: 'ContainerStatus', problem: 'gone' });
      assert.equal(await hooks.preStop(orphan, 1, never), 0);
      annotations = criErrors.create('CRI_FAILED', {
        method: 'ContainerStatus',
        grpcCode: 'UNKNOWN',
        problem: 'no',
      });
      assert.equal(await hooks.preStop({ ...orphan, containerId: 'c10' }, 1, never), 0);
    });
  });
});

describe('by http', () => {
  let server: Server;
  let seen: { url: string; headers: IncomingHttpHeaders }[];
  let port: number;
  before(async () => {
    server = createServer((request, response) => {
      seen.push({ url: request.url ?? '', headers: request.headers });
      response.writeHead(500).end('whatever');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());
  beforeEach(() => {
    seen = [];
  });

  test("the pod's server is told, and any answer will do", async () => {
    await postStart(
      { httpGet: { port: 'web', path: '/started' } },
      { ports: [{ name: 'web', containerPort: port }] },
    );
    assert.equal(seen[0]?.url, '/started');
    assert.equal(seen[0]?.headers['user-agent'], 'kube-lifecycle/1.32');
    assert.equal(seen[0]?.headers.host, `127.0.0.1:${port}`);
  });

  test('a server that speaks no TLS is told without it, without the credentials, and an event says so', async () => {
    const httpHeaders = [
      { name: 'Authorization', value: 'Bearer x' },
      { name: 'X-Kept', value: '1' },
    ];
    await postStart({ httpGet: { port, scheme: 'HTTPS', httpHeaders } });
    assert.equal(seen.length, 1);
    assert.equal(seen[0]?.headers.authorization, undefined);
    assert.equal(seen[0]?.headers['x-kept'], '1');
    assert.deepEqual(events, [
      `undefined Warning LifecycleHTTPFallback: request to HTTPS lifecycle hook 127.0.0.1:${port} got HTTP response, retry with HTTP succeeded`,
    ]);
  });

  test('nobody there is a failure', async () => {
    const problem =
      /^KubeEdgeError: HTTP lifecycle hook \(\/x\) for Container "main" in Pod "web_default\(u1\)" failed - error: Get "http:\/\/127.0.0.1:1\/x": dial tcp 127.0.0.1:1: connect: connection refused/;
    await assert.rejects(postStart({ httpGet: { port: 1, path: '/x' } }), problem);
    await assert.rejects(postStart({ httpGet: { port: 'none' } }), /strconv.Atoi: parsing "none"/);
  });

  test('a pod without an address cannot be told', async () => {
    const target: HookTarget = { ...targetOf({ postStart: { httpGet: { port } } }), podIPs: [] };
    await assert.rejects(hooks.postStart(target, never), /the pod has no address/);
    assert.equal(seen.length, 0);
  });

  test('a server that does not answer is left when the grace is over', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const told = once(silent, 'request');
    const stopped = preStop({ httpGet: { port: (silent.address() as AddressInfo).port } }, 2);
    await told;
    await clock.pass(2_000);
    assert.equal(await stopped, 2);
    silent.closeAllConnections();
    silent.close();
  });
});
