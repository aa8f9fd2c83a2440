import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ContainerState } from '@kubeedge-ts/cri';
import { isFailed, isNotFound, type Subject } from './subject.ts';

const OBEYS = 'trap "exit 0" TERM; while true; do sleep 0.05; done';

export function containerPromises(subject: Subject): void {
  test('a container is created, runs, stops within its grace and keeps its record', async () => {
    const { client } = subject;
    await subject.withPod(async (pod) => {
      const containerId = await pod.create(OBEYS);
      const stateOf = () => subject.statusOf(containerId);
      const created = await stateOf();
      assert.equal(created.state, ContainerState.CONTAINER_CREATED);
      assert.equal(created.startedAt, 0);
      await client.startContainer({ containerId });
      const running = await stateOf();
      assert.equal(running.state, ContainerState.CONTAINER_RUNNING);
      assert.ok(running.startedAt >= running.createdAt);
      assert.equal(running.finishedAt, 0);
      assert.equal(running.annotations['io.kubernetes.container.restartCount'], '3');
      assert.equal(running.labels['io.kubernetes.container.name'], 'main');
      assert.equal(running.metadata?.attempt, 3);
      assert.equal(running.logPath, `${pod.config.logDirectory}/main/3.log`);
      assert.ok(running.image?.image);
      assert.ok(running.imageRef);
      await client.stopContainer({ containerId, timeout: 10 });
      const stopped = await stateOf();
      assert.equal(stopped.state, ContainerState.CONTAINER_EXITED);
      assert.equal(stopped.exitCode, 0);
      assert.equal(stopped.reason, 'Completed');
      assert.ok(stopped.finishedAt >= stopped.startedAt);
      await client.stopContainer({ containerId, timeout: 10 });
      await client.removeContainer({ containerId });
      await client.removeContainer({ containerId });
      await assert.rejects(stateOf(), isNotFound);
    });
  });

  test('it is listed by its labels, its sandbox and its state, and known by the beginning of its id', async () => {
    const { client } = subject;
    await subject.withPod(async (pod) => {
      const main = await pod.run(OBEYS);
      const done = await pod.run('exit 0', { metadata: { name: 'done' } });
      await subject.exited(done);
      const ids = async (filter: object) =>
        (await client.listContainers({ filter })).containers.map(({ id }) => id).sort();
      const labelSelector = { 'io.kubernetes.pod.uid': pod.uid };
      assert.deepEqual(await ids({ labelSelector }), [main, done].sort());
      assert.deepEqual(await ids({ podSandboxId: pod.sandbox }), [main, done].sort());
      assert.deepEqual(await ids({ labelSelector, state: { state: ContainerState.CONTAINER_RUNNING } }), [
        main,
      ]);
      assert.deepEqual(await ids({ labelSelector, state: { state: ContainerState.CONTAINER_EXITED } }), [
        done,
      ]);
      assert.equal((await subject.statusOf(main.slice(0, 12))).id, main);
      const { containers } = await client.listContainers({ filter: { id: main } });
      assert.equal(containers[0]?.podSandboxId, pod.sandbox);
      assert.equal(containers[0]?.metadata?.name, 'main');
    });
  });

  test('how it ended is kept: its exit code, or 137 when it would not end by itself', async () => {
    const { client } = subject;
    await subject.withPod(async (pod) => {
      const failed = await subject.exited(await pod.run('exit 7', { metadata: { name: 'failed' } }));
      assert.deepEqual([failed.exitCode, failed.reason, failed.message], [7, 'Error', '']);
      const fine = await subject.exited(await pod.run('true', { metadata: { name: 'fine' } }));
      assert.deepEqual([fine.exitCode, fine.reason], [0, 'Completed']);
      const stubborn = await pod.run('trap "" TERM; while true; do sleep 0.05; done');
      const asked = performance.now();
      await client.stopContainer({ containerId: stubborn, timeout: 1 });
      assert.ok(performance.now() - asked >= 900);
      const killed = await subject.statusOf(stubborn);
      assert.deepEqual([killed.state, killed.exitCode, killed.reason], [2, 137, 'Error']);
    });
  });

  test('a command that does not exist is a StartError with exit code 128 and says what was wrong', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.create(undefined, { command: ['/not/there'] });
      await assert.rejects(
        subject.client.startContainer({ containerId }),
        (error) => isFailed(error) && String(error).includes('/not/there'),
      );
      const status = await subject.statusOf(containerId);
      assert.equal(status.state, ContainerState.CONTAINER_EXITED);
      assert.deepEqual([status.exitCode, status.reason], [128, 'StartError']);
      assert.match(status.message, /\/not\/there/);
    });
  });

  test('one name and attempt is one container; one that runs or has ended is not started', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      await assert.rejects(pod.create('true'), isFailed);
      await assert.rejects(subject.client.startContainer({ containerId }), isFailed);
      await subject.client.stopContainer({ containerId, timeout: 0 });
      await assert.rejects(subject.client.startContainer({ containerId }), isFailed);
    });
  });

  test('one that was never started stops without effect; one that runs is removed all the same', async () => {
    await subject.withPod(async (pod) => {
      const created = await pod.create('true', { metadata: { name: 'created' } });
      await subject.client.stopContainer({ containerId: created, timeout: 1 });
      assert.equal((await subject.statusOf(created)).state, ContainerState.CONTAINER_CREATED);
      const running = await pod.run('sleep 1000');
      await subject.client.removeContainer({ containerId: running });
      await assert.rejects(subject.statusOf(running), isNotFound);
    });
  });

  test('an image that is not there is CRI_NOT_FOUND', async () => {
    await subject.withPod(async (pod) => {
      await assert.rejects(pod.create('true', { image: { image: 'kubeedge-ts.local/none:1' } }), isNotFound);
      await assert.rejects(pod.create('true', { image: { image: `sha256:${'0'.repeat(64)}` } }), isNotFound);
    });
  });

  test('what is mounted is seen on both sides; read-only is read-only', async () => {
    await subject.withPod(async (pod) => {
      const dir = join(subject.cri.logDirectory, `mount-${pod.uid}`);
      await mkdir(dir);
      await writeFile(join(dir, 'in'), 'from outside\n');
      const containerId = await pod.run('sleep 1000', {
        mounts: [
          { containerPath: '/data', hostPath: dir },
          { containerPath: '/fixed', hostPath: dir, readonly: true },
        ],
      });
      assert.equal(await subject.exec(containerId, 'cat', '/data/in'), 'from outside\n');
      await subject.exec(containerId, 'sh', '-c', 'echo from inside > /data/out');
      assert.equal(await readFile(join(dir, 'out'), 'utf8'), 'from inside\n');
      assert.equal(await subject.exec(containerId, 'cat', '/fixed/out'), 'from inside\n');
      await assert.rejects(subject.exec(containerId, 'sh', '-c', 'echo x > /fixed/other'));
      await assert.rejects(stat(join(dir, 'other')), /ENOENT/);
      assert.deepEqual(
        (await subject.statusOf(containerId)).mounts.map((mount) => [mount.containerPath, mount.readonly]),
        [
          ['/data', false],
          ['/fixed', true],
        ],
      );
    });
  });

  test('an image is mounted, or refused', async () => {
    await subject.withPod(async (pod) => {
      const { image } = await subject.client.imageStatus({ image: { image: subject.cri.image } });
      const create = (reference: string) =>
        pod.create('sleep 1000', { mounts: [{ containerPath: '/image', image: { image: reference } }] });
      if (subject.differs('no-image-volumes')) {
        await assert.rejects(create(image?.id ?? ''), isFailed);
        return;
      }
      await assert.rejects(create('kubeedge-ts.local/none:1'), isNotFound);
      await subject.client.startContainer({ containerId: await create(image?.id ?? '') });
    });
  });

  test('environment, user and working name are what the image and the container say', async () => {
    await subject.withPod(async (pod) => {
      const own = await pod.run('sleep 1000', {
        metadata: { name: 'own' },
        envs: [{ key: 'OWN', value: 'a b' }],
        linux: {
          resources: {},
          securityContext: { namespaceOptions: { pid: 1 }, runAsUser: { value: 1234 } },
        },
      });
      assert.match(await subject.exec(own, 'env'), /^OWN=a b$/m);
      assert.equal(await subject.exec(own, 'id', '-u'), '1234\n');
      assert.equal(await subject.exec(own, 'hostname'), 'pod\n');
      const { users } = subject.cri;
      const numbered = await pod.run('sleep 1000', {
        metadata: { name: 'numbered' },
        image: { image: users.number },
      });
      assert.equal(await subject.exec(numbered, 'id', '-u'), '1000\n');
      const inherited = await pod.run(undefined, {
        metadata: { name: 'inherited' },
        image: { image: users.entrypoint },
      });
      assert.match(await subject.exec(inherited, 'env'), /^FROM_IMAGE=yes$/m);
    });
  });

  test('limits are changed while it runs, and told', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      await subject.client.updateContainerResources({
        containerId,
        linux: { cpuShares: 512, memoryLimitInBytes: 64 * 1024 * 1024 },
      });
      const { resources } = await subject.statusOf(containerId);
      assert.equal(resources?.linux?.cpuShares, 512);
      assert.equal(resources.linux.memoryLimitInBytes, 64 * 1024 * 1024);
    });
  });
}
