import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { loadClusterConfig, loadInClusterConfig } from './in-cluster.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import { parseKubeconfig } from './kubeconfig-file.ts';
import { createVirtualClock } from './testing/virtual-clock.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----';
const b64 = (text: string) => Buffer.from(text).toString('base64');
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
});
after(() => rm(folder, { recursive: true }));

const file = async (name: string, content: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};
interface Parts {
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  context?: string;
  namespace?: string;
}
const kubeconfig = ({ cluster = {}, user = {}, context = 'c', namespace }: Parts): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [{ name: 'c', cluster: { server: 'https://h:1', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', ...(namespace ? { namespace } : {}) } }],
  });
const clock = createVirtualClock();
const load = async (parts: Parts, env: Record<string, string> = {}) =>
  loadKubeconfig({ path: await file('one', kubeconfig(parts)), env }, { clock });
const invalid = (code: string, text: RegExp) => (error: unknown) =>
  isKubeEdgeError(error, code) && text.test((error as Error).message);

describe('a kubeconfig', () => {
  test('gives server, authority and namespace of its current context', async () => {
    const config = await load({
      cluster: { 'certificate-authority-data': b64(PEM), 'tls-server-name': 'k8s', 'proxy-url': 'http://p' },
      namespace: 'team',
    });
    assert.equal(config.server.href, 'https://h:1/');
    assert.equal(config.ca, PEM);
    assert.equal(config.serverName, 'k8s');
    assert.equal(config.namespace, 'team');
    assert.deepEqual(await config.authenticator.credentials(undefined), {});
  });

  test('is merged from the files of KUBECONFIG, the first mention winning, missing files skipped', async () => {
    const first = await file(
      'first',
      'current-context: b\nclusters: [{name: x, cluster: {server: "https://first"}}]',
    );
    const second = await file(
      'second',
      `current-context: a
clusters: [{name: x, cluster: {server: "https://second"}}, {name: y, cluster: {server: "https://y"}}]
contexts: [{name: b, context: {cluster: x}}, {name: a, context: {cluster: y}}]`,
    );
    const env = { KUBECONFIG: [join(folder, 'absent'), first, second].join(':') };
    assert.equal((await loadKubeconfig({ env }, { clock })).server.host, 'first');
    assert.equal((await loadKubeconfig({ env, contextName: 'a' }, { clock })).server.host, 'y');
  });

  test('falls back to the home directory, and says where it looked', async () => {
    await mkdir(join(folder, '.kube'), { recursive: true });
    await file('.kube/config', kubeconfig({}));
    assert.equal((await loadKubeconfig({ env: { HOME: folder } }, { clock })).server.host, 'h:1');
    const path = join(folder, 'absent');
    await assert.rejects(
      loadKubeconfig({ path, env: {} }, { clock }),
      invalid('KUBE_CONFIG_MISSING', /absent/),
    );
  });

  test('refuses to switch verification off', () =>
    assert.rejects(
      load({ cluster: { 'insecure-skip-tls-verify': true } }),
      invalid('KUBE_CONFIG_INSECURE', /cluster c/),
    ));

  test('names what is wrong with it', async () => {
    const cases: [Parts, RegExp][] = [
      [{ context: 'x' }, /no context x/],
      [{ cluster: { server: 'h' } }, /server "h"/],
      [{ cluster: { server: 7 } }, /clusters\[0\]\.cluster\.server is not a string/],
      [{ cluster: { 'certificate-authority': 'nope' } }, /ENOENT/],
      [
        { cluster: { 'certificate-authority-data': '####' } },
        /certificate-authority-data is not base64 of PEM/,
      ],
      [{ user: { 'client-certificate-data': b64(PEM) } }, /only one of/],
      [{ user: { 'auth-provider': { name: 'gcp' } } }, /auth-provider/],
      [{ user: { exec: { args: 'x' } } }, /exec\.args is not a list of strings/],
      [{ user: { exec: {} } }, /exec\.command is missing/],
    ];
    for (const [parts, text] of cases)
      await assert.rejects(load(parts), invalid('KUBE_CONFIG_INVALID', text));
  });

  test('survives any text', () => {
    const corpus = [
      '',
      'null',
      '[]',
      '7',
      '"x"',
      '{',
      'a: [',
      '__proto__: {a: 1}',
      'clusters: [null, 7]',
      '\u0000',
    ];
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...corpus), fc.string(), fc.json()), (text) => {
        try {
          parseKubeconfig(text, '/k');
        } catch (error) {
          assert.ok(isKubeEdgeError(error, 'KUBE_CONFIG_INVALID'), String(error));
        }
      }),
      { examples: corpus.map((text) => [text]) },
    );
  });

  test('offers client certificate, token, and user with password', async () => {
    const certificate = { 'client-certificate-data': b64(PEM), 'client-key-data': b64(PEM) };
    const credentials = async (user: Record<string, unknown>) =>
      (await load({ user })).authenticator.credentials(undefined);
    assert.deepEqual(await credentials(certificate), { cert: PEM, key: PEM });
    assert.deepEqual(await credentials({ token: 't' }), { authorization: 'Bearer t' });
    assert.deepEqual(await credentials({ ...certificate, token: 't' }), {
      authorization: 'Bearer t',
      cert: PEM,
      key: PEM,
    });
    assert.deepEqual(await credentials({ username: 'u', password: 'p' }), {
      authorization: `Basic ${b64('u:p')}`,
    });
    assert.deepEqual((await load({ user: { as: 'x', 'as-groups': ['g'] } })).impersonate, {
      user: 'x',
      groups: ['g'],
    });
  });

  test('reads token and certificate files again as they change, relative to the file itself', async () => {
    await file('token', 'one\n');
    const { authenticator } = await load({ user: { tokenFile: 'token' } });
    const first = await authenticator.credentials(undefined);
    assert.equal(first.authorization, 'Bearer one');
    await file('token', 'two\n');
    assert.equal(await authenticator.credentials(undefined), first);
    assert.equal((await authenticator.credentials(undefined, first)).authorization, 'Bearer two');
    await file('token', 'three\n');
    await clock.advance(11_000);
    assert.equal((await authenticator.credentials(undefined)).authorization, 'Bearer three');
    await file('cert', PEM);
    await file('key', PEM);
    const files = (await load({ user: { 'client-certificate': 'cert', 'client-key': 'key' } })).authenticator;
    assert.equal((await files.credentials(undefined)).cert, PEM);
    await file('cert', 'new');
    await clock.advance(61_000);
    assert.equal((await files.credentials(undefined)).cert, 'new');
    await rm(join(folder, 'key'));
    await clock.advance(61_000);
    await assert.rejects(files.credentials(undefined), invalid('KUBE_CREDENTIALS', /user u .*ENOENT/));
  });
});

describe('a credential plugin', () => {
  const plugin = async (body: string): Promise<string> => {
    await writeFile(join(folder, 'plugin'), `#!${process.execPath}\n${body}`);
    await chmod(join(folder, 'plugin'), 0o755);
    return './plugin';
  };
  const exec = async (body: string, more: Record<string, unknown> = {}) =>
    (
      await load(
        {
          user: {
            exec: { apiVersion: 'client.authentication.k8s.io/v1', command: await plugin(body), ...more },
          },
        },
        { PATH: process.env['PATH'] ?? '' },
      )
    ).authenticator;
  const credential = (status: string) => `
    require('node:fs').appendFileSync(${JSON.stringify(join(folder, 'runs'))}, 'x');
    console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: ${status} }));`;

  test('gets its arguments as they are, its environment and the cluster, and is asked once until the token expires', async () => {
    const expires = new Date(clock.now() + 60_000).toISOString();
    const status = `{ token: [process.argv[2], process.env.X, JSON.parse(process.env.KUBERNETES_EXEC_INFO).spec.cluster.server].join(' '), expirationTimestamp: '${expires}' }`;
    await file('runs', '');
    const authenticator = await exec(credential(status), {
      args: ['$(touch x); `y`'],
      env: [{ name: 'X', value: 'env' }],
      provideClusterInfo: true,
    });
    const both = await Promise.all([
      authenticator.credentials(undefined),
      authenticator.credentials(undefined),
    ]);
    assert.equal(both[0]?.authorization, 'Bearer $(touch x); `y` env https://h:1');
    assert.equal(both[1], both[0]);
    assert.equal(await authenticator.credentials(undefined), both[0]);
    await clock.advance(61_000);
    await authenticator.credentials(undefined);
    assert.equal(await readFile(join(folder, 'runs'), 'utf8'), 'xx');
  });

  test('is asked again when the server refuses what it gave', async () => {
    const authenticator = await exec(credential('{ token: String(process.pid) }'));
    const first = await authenticator.credentials(undefined);
    assert.notEqual((await authenticator.credentials(undefined, first)).authorization, first.authorization);
  });

  test('that fails or prints something else is a clear error, and is tried again', async () => {
    const cases: [string, Record<string, unknown>, RegExp][] = [
      ['process.exit(3)', { installHint: 'install me' }, /install me/],
      ['console.log("hello")', {}, /printed no JSON/],
      ['console.log("null")', {}, /no ExecCredential/],
      [credential('{}'), {}, /neither a token/],
      [credential('{ token: "t" }'), { apiVersion: 'v1' }, /exec\.apiVersion v1/],
      [credential('{ token: "t" }'), { interactiveMode: 'Always' }, /terminal/],
    ];
    for (const [body, more, text] of cases) {
      const authenticator = await exec(body, more);
      await assert.rejects(authenticator.credentials(undefined), invalid('KUBE_CREDENTIALS', text));
      await assert.rejects(authenticator.credentials(undefined), invalid('KUBE_CREDENTIALS', text));
    }
  });
});

describe('the in-cluster configuration', () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };

  test('is what a pod finds mounted, with the token read again', async () => {
    await file('ca.crt', PEM);
    await file('namespace', 'kubeedge');
    await file('token', 'one');
    const config = await loadInClusterConfig({ env, folder }, { clock });
    assert.equal(config.server.href, 'https://[fd00::1]/');
    assert.equal(config.namespace, 'kubeedge');
    await file('token', 'two');
    assert.equal((await config.authenticator.credentials(undefined)).authorization, 'Bearer two');
  });

  test('is used when no kubeconfig is named, and missed clearly outside a cluster', async () => {
    await assert.rejects(
      loadInClusterConfig({ env: {} }, { clock }),
      invalid('KUBE_CONFIG_MISSING', /SERVICE_HOST/),
    );
    const path = await file('named', kubeconfig({}));
    assert.equal((await loadClusterConfig({ env, path }, { clock })).server.host, 'h:1');
    await assert.rejects(loadClusterConfig({ env }, { clock }), invalid('KUBE_CONFIG_MISSING', /ENOENT/));
  });
});
