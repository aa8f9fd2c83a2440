import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ContainerState, type CriClient, createCriClient } from '@kubeedge-ts/cri';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import { type FakeCri, startFakeCri } from './fake-cri.ts';

let fake: FakeCri;
let cri: CriClient;
let logDirectory: string;

/** A container of that command in a sandbox of its own, running. */
async function run(...command: string[]): Promise<string> {
  const config = {
    metadata: { name: 'pod', uid: String(Math.random()), namespace: 'default' },
    hostname: 'pod',
    logDirectory,
  };
  const { podSandboxId } = await cri.runPodSandbox({ config });
  const { containerId } = await cri.createContainer({
    podSandboxId,
    sandboxConfig: config,
    config: { metadata: { name: 'main' }, image: { image: 'busybox' }, command, logPath: 'main/0.log' },
  });
  await cri.startContainer({ containerId });
  return containerId;
}

describe('trouble with the fake runtime', () => {
  beforeEach(async () => {
    fake = await startFakeCri({ hurry: 20 });
    fake.addImage('busybox');
    cri = createCriClient({ endpoint: fake.endpoint, clock: systemClock });
    logDirectory = await mkdtemp(join(tmpdir(), 'kets-logs-'));
  });
  afterEach(async () => {
    cri.close();
    await fake.stop();
    await rm(logDirectory, { recursive: true, force: true });
  });

  test('it refuses with words and a code, as often as it is told', async () => {
    fake.fail('Version', 'broken', 1);
    await assert.rejects(cri.version({}), /UNKNOWN: broken/);
    assert.equal((await cri.version({})).runtimeName, 'containerd');
    fake.fail('Version', { code: 8, details: 'too much' });
    await assert.rejects(cri.version({}), /RESOURCE_EXHAUSTED: too much/);
    await assert.rejects(cri.version({}), /RESOURCE_EXHAUSTED/);
    fake.heal('Version');
    await cri.version({});
  });

  test('it hangs until it is healed, or the caller leaves', async () => {
    fake.hang('ListContainers');
    await assert.rejects(cri.listContainers({}, { timeoutMs: 30 }), /DEADLINE_EXCEEDED/);
    const patient = cri.listContainers({});
    await assert.rejects(cri.listContainers({}, { signal: AbortSignal.timeout(30) }));
    fake.heal();
    assert.deepEqual((await patient).containers, []);
  });

  test('it lies: says yes and does nothing', async () => {
    const containerId = await run('sleep', '1000');
    fake.lie('StopContainer', 1);
    await cri.stopContainer({ containerId, timeout: 1 });
    const state = async () => (await cri.containerStatus({ containerId })).status?.state;
    assert.equal(await state(), ContainerState.CONTAINER_RUNNING);
    await cri.stopContainer({ containerId, timeout: 1 });
    assert.equal(await state(), ContainerState.CONTAINER_EXITED);
    fake.lie('ListContainers');
    assert.deepEqual((await cri.listContainers({})).containers, []);
  });

  test('it goes away and comes back with everything that ran', async () => {
    const containerId = await run('sleep', '1000');
    const unavailable = (error: unknown): boolean => isKubeEdgeError(error, 'CRI_UNAVAILABLE');
    fake.hang('Status');
    const lost = assert.rejects(cri.status({}), unavailable);
    while (fake.calls.at(-1)?.method !== 'Status') await new Promise((resolve) => setImmediate(resolve));
    await fake.goAway();
    await lost;
    await assert.rejects(cri.version({}), unavailable);
    await fake.comeBack();
    const { status } = await cri.containerStatus({ containerId });
    assert.equal(status?.state, ContainerState.CONTAINER_RUNNING);
  });

  test('containers print and end when a test says so, also by the memory limit', async () => {
    const containerId = await run('app');
    fake.print('main', 'one\ntwo');
    fake.print('main', 'oops\n', 'stderr');
    fake.exit('main', 137, '', 'OOMKilled');
    const { status } = await cri.containerStatus({ containerId });
    assert.deepEqual([status?.exitCode, status?.reason], [137, 'OOMKilled']);
    const lines = (await readFile(join(logDirectory, 'main/0.log'), 'utf8')).trim().split('\n');
    assert.deepEqual(
      lines.map((line) => line.slice(line.indexOf(' ') + 1)),
      ['stdout F one', 'stderr F oops', 'stdout P two'],
    );
  });

  test('commands are answered by the test, by the fake, or succeed; time passes faster in them', async () => {
    const containerId = await run('app');
    const exec = async (cmd: string[], timeout = 1) => {
      const { stdout, exitCode } = await cri.execSync({ containerId, cmd, timeout });
      return [Buffer.from(stdout).toString(), exitCode];
    };
    fake.exec = (_, [command]) => (command === 'healthy' ? { stdout: 'yes', exitCode: 4 } : undefined);
    assert.deepEqual(await exec(['healthy']), ['yes', 4]);
    assert.deepEqual(await exec(['sh', '-c', 'sleep 0.5 && echo done']), ['done\n', 0]);
    assert.deepEqual(await exec(['/opt/unknown']), ['', 0]);
    await assert.rejects(exec(['sleep', '30']), /DEADLINE_EXCEEDED/);
  });

  test('what containers and images use is what the test says', async () => {
    const containerId = await run('app');
    fake.usage.set('main', { workingSet: 123, writableLayer: 456 });
    fake.imageFs.usedBytes = 789;
    const { stats } = await cri.containerStats({ containerId });
    assert.equal(stats?.memory?.workingSetBytes?.value, 123);
    assert.equal(stats?.writableLayer?.usedBytes?.value, 456);
    assert.equal((await cri.imageFsInfo({})).imageFilesystems[0]?.usedBytes?.value, 789);
  });

  test('a registry may want credentials', async () => {
    const image = { image: 'private.example.com/app:1' };
    fake.registry.add(image.image);
    fake.images.credentials.set(image.image, { username: 'u', password: 'p' });
    await assert.rejects(cri.pullImage({ image }), /authorization failed/);
    await cri.pullImage({ image, auth: { username: 'u', password: 'p' } });
    assert.notEqual((await cri.imageStatus({ image })).image, undefined);
  });

  test('mounts are checked when it is asked to', async () => {
    const strict = await startFakeCri({ checkMounts: true });
    strict.addImage('busybox');
    const client = createCriClient({ endpoint: strict.endpoint, clock: systemClock });
    const config = { metadata: { name: 'pod', uid: 'u', namespace: 'default' } };
    const { podSandboxId } = await client.runPodSandbox({ config });
    const create = (hostPath: string) =>
      client.createContainer({
        podSandboxId,
        sandboxConfig: config,
        config: {
          metadata: { name: 'main' },
          image: { image: 'busybox' },
          mounts: [{ containerPath: '/x', hostPath }],
        },
      });
    await assert.rejects(create('/not/there'), /no such file or directory/);
    await create(logDirectory);
    client.close();
    await strict.stop();
  });
});
