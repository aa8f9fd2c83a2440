import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Child, type Site, startChild, startSite, until } from '@kubeedge-ts/testing/site';
import { type Demo, STEPS } from '../../scripts/quickstart/steps.ts';

// The whole system on real containerd and mosquitto, driven with kubectl: what bin/quickstart --check promises, step by
// step, and what happens to bad input. Runs in the namespaces of scripts/run-tests.mjs.

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const dir = join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', 'system');
const NODE_NAME = 'ke-edge03';

describe('the whole system', { timeout: 600_000 }, () => {
  let site: Site;
  let mapper: Child;
  let demo: Demo;

  before(async () => {
    site = await startSite({
      root,
      dir,
      cgroup: process.env['KUBEEDGE_TS_CGROUP'] ?? '',
      nodeName: NODE_NAME,
      kubeconfig: process.env['KUBECONFIG'] || undefined,
    });
    for (const manifest of ['examples/dht11', 'examples/virtual-fan']) {
      await site.cloud.kubectl(['apply', '-f', join(root, manifest)]);
    }
    mapper = startChild({
      name: 'mapper-virtual',
      command: join(root, 'bin/mapper-virtual'),
      args: ['--broker', site.mosquitto.url, '--node', NODE_NAME],
      logFile: join(dir, 'mapper.log'),
    });
    demo = {
      root,
      cloud: site.cloud,
      kubectl: site.cloud.kubectl,
      nodeName: NODE_NAME,
      podAddresses: site.podAddresses,
      reboot: site.reboot,
    };
  });

  after(async () => {
    await mapper?.stop();
    await site?.stop();
  });

  for (const { title, run } of STEPS) {
    test(title, async (t) => {
      t.diagnostic(await run(demo));
    });
  }

  test('a pod whose image does not exist shows ImagePullBackOff in kubectl', async () => {
    const { kubectl } = site.cloud;
    await kubectl([
      'run',
      'no-image',
      '--image=registry.invalid/nothing:1',
      '--overrides',
      JSON.stringify({ spec: { nodeName: NODE_NAME } }),
    ]);
    const reason = await until(
      'the waiting reason is ImagePullBackOff',
      async () => {
        const text = await kubectl([
          'get',
          'pod',
          'no-image',
          '-o',
          'jsonpath={.status.containerStatuses[0].state.waiting.reason}',
        ]);
        return text === 'ImagePullBackOff' ? text : undefined;
      },
      { timeoutMs: 60_000, everyMs: 200 },
    );
    assert.equal(reason, 'ImagePullBackOff');
    assert.match(await kubectl(['get', 'pods', 'no-image']), /ImagePullBackOff/);
    await kubectl(['delete', 'pod', 'no-image', '--timeout=30s']);
  });

  test('a static pod of the edge is Running in kubectl, and goes with its file', async () => {
    const { kubectl } = site.cloud;
    const file = join(site.edge.manifestsDir, 'local.json');
    const containers = [
      {
        name: 'main',
        image: 'docker.io/library/busybox:1',
        imagePullPolicy: 'IfNotPresent',
        command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'],
      },
    ];
    const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'local' }, spec: { containers } };
    await writeFile(file, JSON.stringify(manifest));
    const name = `local-${NODE_NAME}`;
    const shown = () =>
      kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].metadata.name} {.items[*].status.phase}']);
    await until(
      'kubectl shows it Running',
      async () => {
        const phase = await kubectl([
          'get',
          'pod',
          name,
          '--ignore-not-found',
          '-o',
          'jsonpath={.status.phase}',
        ]);
        return phase === 'Running';
      },
      { timeoutMs: 30_000 },
    );
    await rm(file);
    await until('kubectl shows it no more', async () => !(await shown()).includes(name), {
      timeoutMs: 30_000,
    });
  });

  test('deleting a Deployment removes its pods from the API and from the node', async () => {
    const { kubectl } = site.cloud;
    await kubectl(['delete', 'deployment', 'web', '--timeout=60s']);
    await until(
      'no pod is left',
      async () => (await kubectl(['get', 'pods', '-l', 'app=web', '-o', 'name'])) === '',
      { timeoutMs: 60_000 },
    );
    await until('no sandbox is left', async () => (await site.podAddresses()).length === 0, {
      timeoutMs: 30_000,
    });
  });

  test('edgecore stops on SIGTERM in good time and leaves its pods running', async () => {
    const { kubectl } = site.cloud;
    await kubectl(['apply', '-f', join(root, 'examples/web/web.yaml')]);
    await kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    const before = (await site.podAddresses()).sort();
    const begun = performance.now();
    await site.edge.stop();
    assert.ok(performance.now() - begun < 15_000, 'stopped before the deadline');
    assert.deepEqual((await site.podAddresses()).sort(), before);
    site.edge.start();
    await until(
      'the node is Ready',
      async () =>
        /True/.test(
          await kubectl([
            'get',
            'node',
            NODE_NAME,
            '-o',
            'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
          ]),
        ),
      { timeoutMs: 60_000 },
    );
    assert.deepEqual(
      (await site.podAddresses()).sort(),
      before,
      'running containers were adopted, not restarted',
    );
  });
});
