import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container } from '@kubeedge-ts/apis';
import fc from 'fast-check';
import { container, pod } from '../testing/pods.ts';
import { hasProbes, probeSpecsOf } from './probe-spec.ts';

type ApiProbe = NonNullable<Container['livenessProbe']>;
const web = pod('web', {}, { uid: 'u1' });
const specOf = (livenessProbe: ApiProbe, fields: Partial<Container> = {}) =>
  probeSpecsOf(web, container('main', { livenessProbe, ...fields }))[0]!;
const handlerOf = (probe: ApiProbe, fields?: Partial<Container>) => specOf(probe, fields).handler;
const ports = [{ name: 'http', containerPort: 8080 }];

describe('the times and thresholds of a probe', () => {
  test("are Kubernetes' defaults when left out", () => {
    const { handler: _, ...rest } = specOf({ exec: { command: ['true'] } });
    assert.deepEqual(rest, {
      kind: 'liveness',
      initialDelayMs: 0,
      timeoutMs: 1_000,
      periodMs: 10_000,
      successThreshold: 1,
      failureThreshold: 3,
      graceSeconds: undefined,
    });
  });

  test('are taken from the spec', () => {
    const readinessProbe = {
      exec: { command: ['true'] },
      initialDelaySeconds: 5,
      timeoutSeconds: 2,
      periodSeconds: 3,
      successThreshold: 4,
      failureThreshold: 6,
    };
    const [{ handler: _, ...rest }] = probeSpecsOf(web, container('main', { readinessProbe })) as [
      ReturnType<typeof specOf>,
    ];
    assert.deepEqual(rest, {
      kind: 'readiness',
      initialDelayMs: 5_000,
      timeoutMs: 2_000,
      periodMs: 3_000,
      successThreshold: 4,
      failureThreshold: 6,
      graceSeconds: undefined,
    });
  });

  test('impossible ones fall back to the defaults, absurd ones stay within a timer', () => {
    const spec = specOf({
      exec: {},
      periodSeconds: -1,
      timeoutSeconds: 'soon' as never,
      failureThreshold: 0,
      initialDelaySeconds: 1e300,
      successThreshold: 7,
    });
    assert.deepEqual(
      [spec.periodMs, spec.timeoutMs, spec.failureThreshold, spec.successThreshold],
      [10_000, 1_000, 3, 1],
    );
    assert.ok(spec.initialDelayMs < 2 ** 31);
  });

  test('only liveness and startup have a grace of their own', () => {
    const probe = { exec: { command: ['true'] }, terminationGracePeriodSeconds: 7 };
    const all = container('main', { livenessProbe: probe, startupProbe: probe, readinessProbe: probe });
    assert.deepEqual(
      probeSpecsOf(web, all).map(({ kind, graceSeconds }) => [kind, graceSeconds]),
      [
        ['startup', 7],
        ['readiness', undefined],
        ['liveness', 7],
      ],
    );
  });
});

describe('the handler of a probe', () => {
  test('exec: the command sees the literal environment of the spec, as upstream expands it', () => {
    const env = [
      { name: 'FILE', value: '/tmp/ok' },
      { name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    ];
    assert.deepEqual(
      handlerOf({ exec: { command: ['cat', '$(FILE)', '$(SECRET)', '$(NONE)', '$$(FILE)'] } }, { env }),
      {
        by: 'exec',
        command: ['cat', '/tmp/ok', '', '$(NONE)', '$(FILE)'],
      },
    );
  });

  const http = (httpGet: NonNullable<ApiProbe['httpGet']>) => handlerOf({ httpGet }, { ports });
  const target = { secure: false, host: '', port: 8080, path: '/', headers: [] };
  const httpTable: readonly [string, NonNullable<ApiProbe['httpGet']>, object][] = [
    ['a port by number', { port: 8080 }, target],
    ['a port by name', { port: 'http' }, target],
    ['a number written as text', { port: '81' }, { ...target, port: 81 }],
    ['https', { port: 8080, scheme: 'HTTPS' }, { ...target, secure: true }],
    ['a host', { port: 8080, host: 'localhost' }, { ...target, host: 'localhost' }],
    ['a path with a query', { port: 8080, path: '/healthz?full=1' }, { ...target, path: '/healthz?full=1' }],
    ['a path without its slash', { port: 8080, path: 'healthz' }, { ...target, path: '/healthz' }],
    [
      'a path with a space and an umlaut',
      { port: 8080, path: '/ä b#frag' },
      { ...target, path: '/%C3%A4%20b' },
    ],
    ['a path of half a character', { port: 8080, path: '/\ud800' }, { ...target, path: '/%EF%BF%BD' }],
    [
      'headers, also twice the same',
      {
        port: 8080,
        httpHeaders: [
          { name: 'X-A', value: '1' },
          { name: 'X-A', value: '2' },
        ],
      },
      {
        ...target,
        headers: [
          { name: 'X-A', value: '1' },
          { name: 'X-A', value: '2' },
        ],
      },
    ],
  ];
  for (const [promise, get, wanted] of httpTable) {
    test(`http: ${promise}`, () => assert.deepEqual(http(get), { by: 'http', target: wanted }));
  }

  test('tcp and grpc', () => {
    assert.deepEqual(handlerOf({ tcpSocket: { port: 'http' } }, { ports }), {
      by: 'tcp',
      host: '',
      port: 8080,
    });
    assert.deepEqual(handlerOf({ grpc: { port: 90 } }), { by: 'grpc', port: 90, service: '' });
    assert.deepEqual(handlerOf({ grpc: { port: 90, service: 's' } }), { by: 'grpc', port: 90, service: 's' });
  });

  const badTable: readonly [string, ApiProbe, string][] = [
    ['no handler', {}, 'missing probe handler for web_default(u1):main'],
    ['a port nobody has', { httpGet: { port: 'web' } }, 'strconv.Atoi: parsing "web": invalid syntax'],
    ['port 0', { tcpSocket: { port: 0 } }, 'invalid port number: 0'],
    ['port 65536', { tcpSocket: { port: 65_536 } }, 'invalid port number: 65536'],
    ['no port', { httpGet: {} as never }, 'invalid port number: 0'],
    ['half a port', { grpc: { port: 1.5 } }, 'invalid port number: 1.5'],
    [
      'a scheme we do not speak',
      { httpGet: { port: 80, scheme: 'FTP' } },
      'unsupported protocol scheme "ftp"',
    ],
  ];
  for (const [promise, probe, problem] of badTable) {
    test(`${promise} cannot be asked, and says why`, () => {
      assert.deepEqual(handlerOf(probe, { ports }), { by: 'nothing', problem });
    });
  }
});

test('a container without probes has none, null counts as absent', () => {
  assert.equal(hasProbes(container('main')), false);
  assert.equal(hasProbes(container('main', { livenessProbe: null as never })), false);
  assert.deepEqual(probeSpecsOf(web, container('main', { livenessProbe: null as never })), []);
});

test('whatever stands where a probe belongs, it becomes probes that can be asked or say why not', () => {
  const anyField = fc.anything({ maxDepth: 2 });
  const anyHandler = fc.record(
    {
      command: anyField,
      port: anyField,
      host: anyField,
      path: anyField,
      scheme: anyField,
      httpHeaders: anyField,
    },
    { requiredKeys: [] },
  );
  const anyProbe = fc.oneof(
    anyField,
    fc.record(
      {
        exec: fc.oneof(anyField, anyHandler),
        httpGet: fc.oneof(anyField, anyHandler),
        tcpSocket: fc.oneof(anyField, anyHandler),
        grpc: fc.oneof(anyField, anyHandler),
        periodSeconds: anyField,
        failureThreshold: anyField,
        terminationGracePeriodSeconds: anyField,
      },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(anyProbe, anyField, anyField, (readinessProbe, env, ports) => {
      const odd = { ...container('main'), readinessProbe, env, ports } as Container;
      for (const { handler, periodMs, failureThreshold } of probeSpecsOf(web, odd)) {
        assert.ok(['exec', 'http', 'tcp', 'grpc', 'nothing'].includes(handler.by));
        assert.ok(periodMs >= 1_000 && periodMs < 2 ** 31 && failureThreshold >= 1);
      }
    }),
  );
});
