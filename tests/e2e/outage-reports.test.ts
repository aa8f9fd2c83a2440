import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Event, KubeList, Pod, Service } from '@kubeedge-ts/apis';
import { type Site, startSite, until } from '@kubeedge-ts/testing/site';

// What the edge must tell the cloud, and what containers are told of the cluster, over outages of the cloud and crashes of
// edgecore; on real containerd. Runs in the namespaces of scripts/run-tests.mjs.

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const NODE_NAME = 'ke-edge11';
const PATIENCE = { timeoutMs: 90_000, everyMs: 100 };

describe('over an outage of the cloud', { timeout: 600_000 }, () => {
  let site: Site;

  before(async () => {
    site = await startSite({
      root,
      dir: join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', 'outage-reports'),
      cgroup: process.env['KUBEEDGE_TS_CGROUP'] ?? '',
      nodeName: NODE_NAME,
      kubeconfig: process.env['KUBECONFIG'] || undefined,
    });
  });
  after(async () => {
    await site?.stop();
  });

  const apply = (
    name: string,
    command: string,
    spec: object = {},
    container: object = {},
  ): Promise<string> => {
    const main = {
      name: 'main',
      image: 'kubeedge-ts.local/busybox:1',
      imagePullPolicy: 'IfNotPresent',
      command: ['sh', '-c', command],
      ...container,
    };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { nodeName: NODE_NAME, terminationGracePeriodSeconds: 1, containers: [main], ...spec },
    };
    return site.cloud.kubectl(['apply', '-f', '-'], JSON.stringify(pod));
  };
  const podOf = (name: string): Promise<Pod> => site.cloud.kubectl.json<Pod>(['get', 'pod', name]);
  const phase = async (name: string) => (await podOf(name)).status?.phase;
  const eventsOf = async (name: string): Promise<readonly Event[]> => {
    const selector = `--field-selector=involvedObject.name=${name}`;
    const { items } = await site.cloud.kubectl.json<KubeList<Event>>(['get', 'events', selector]);
    return items;
  };
  const edgeRows = (sql: string): readonly Record<string, unknown>[] => {
    const db = new DatabaseSync(site.edge.databaseFile, { readOnly: true });
    try {
      return db.prepare(sql).all();
    } finally {
      db.close();
    }
  };
  const waitingEvents = (): readonly { reason: string; name: string; count: number }[] =>
    edgeRows("SELECT value FROM outbox WHERE kind = 'event' ORDER BY seq").map(({ value }) => {
      const { event } = JSON.parse(String(value)) as { event: Event };
      return { reason: event.reason ?? '', name: event.involvedObject.name ?? '', count: event.count ?? 1 };
    });

  test('events of pods and of the node are in the cluster, in the name of the node', async () => {
    await apply('plain', 'sleep 3600');
    await until('the pod runs', async () => (await phase('plain')) === 'Running', PATIENCE);
    const events = await until(
      'its start is reported',
      async () => {
        const found = await eventsOf('plain');
        return (
          ['Created', 'Started'].every((reason) => found.some((event) => event.reason === reason)) && found
        );
      },
      PATIENCE,
    );
    const kubelet = events.filter(({ source }) => source?.component === 'kubelet');
    assert.ok(kubelet.every(({ source }) => source?.host === NODE_NAME));
    await until('the node has events', async () => (await eventsOf(NODE_NAME)).length > 0, PATIENCE);
    await until('nothing waits at the edge', () => waitingEvents().length === 0, PATIENCE);
  });

  test('what a pod did meanwhile, and how it ended, is told afterwards, also when edgecore was killed in between', async () => {
    // Fails twice, then succeeds: the third run comes after the back-off, at the latest when the cloud is back.
    await apply(
      'worker',
      'test -f /state/b && exit 0; test -f /state/a && touch /state/b; touch /state/a; sleep 2; exit 3',
      { restartPolicy: 'OnFailure', volumes: [{ name: 'state', emptyDir: {} }] },
      { volumeMounts: [{ name: 'state', mountPath: '/state' }] },
    );
    await until('it has begun', async () => (await phase('worker')) === 'Running', PATIENCE);
    await until(
      'its begin is reported',
      async () => (await eventsOf('worker')).some((e) => e.reason === 'Started'),
      PATIENCE,
    );
    await site.cloud.stopCloudcore('kill');
    await until(
      'what it did waits in the outbox',
      () => waitingEvents().some(({ name, reason }) => name === 'worker' && reason === 'Started'),
      PATIENCE,
    );
    const before = waitingEvents();
    await site.edge.stop('kill');
    assert.deepEqual(
      waitingEvents()
        .slice(0, before.length)
        .map(({ name, reason }) => `${name} ${reason}`),
      before.map(({ name, reason }) => `${name} ${reason}`),
    );
    site.edge.start();
    await until(
      'its end waits in the outbox',
      () =>
        edgeRows("SELECT value FROM outbox WHERE kind = 'podstatus' AND name = 'worker'").some(
          ({ value }) => JSON.parse(String(value)).phase === 'Succeeded',
        ),
      PATIENCE,
    );
    const waiting = waitingEvents().filter(({ name }) => name === 'worker');
    await site.cloud.startCloudcore();
    await until('its end is in the cluster', async () => (await phase('worker')) === 'Succeeded', PATIENCE);
    const told = await until(
      'its events are in the cluster',
      async () => {
        const found = await eventsOf('worker');
        const starts = found
          .filter(({ reason }) => reason === 'Started')
          .reduce((sum, { count = 1 }) => sum + count, 0);
        return starts >= 3 && found;
      },
      PATIENCE,
    );
    for (const { reason } of waiting)
      assert.ok(
        told.some((event) => event.reason === reason),
        reason,
      );
    await until('nothing waits at the edge', () => edgeRows('SELECT 1 FROM outbox').length === 0, PATIENCE);
  });

  test('a pod that is deleted meanwhile ends on return; its last events are written although it is gone', async () => {
    await apply('leaver', 'sleep 3600');
    await until('it runs', async () => (await phase('leaver')) === 'Running', PATIENCE);
    await site.cloud.stopCloudcore('kill');
    await site.cloud.kubectl(['delete', 'pod', 'leaver', '--wait=false']);
    await site.cloud.startCloudcore();
    await until(
      'it is gone',
      async () => (await site.cloud.kubectl.raw(['get', 'pod', 'leaver'])).code !== 0,
      PATIENCE,
    );
    await until(
      'its end is told',
      async () => (await eventsOf('leaver')).some(({ reason }) => reason === 'Killing'),
      PATIENCE,
    );
    await until('nothing waits at the edge', () => edgeRows('SELECT 1 FROM outbox').length === 0, PATIENCE);
  });

  test('the node knows the services of its pods and of the API, also after a start without the cloud', async () => {
    const services = () =>
      edgeRows("SELECT key, value FROM meta WHERE type = 'service' ORDER BY key").map(({ key, value }) => ({
        key,
        service: JSON.parse(String(value)) as Service,
      }));
    await site.cloud.kubectl(['create', 'service', 'clusterip', 'till', '--tcp=80:8080']);
    await until('both are stored', () => services().length >= 2, PATIENCE);
    assert.deepEqual(
      services().map(({ key }) => key),
      ['default/service/kubernetes', 'default/service/till'],
    );
    const { clusterIP } = (await site.cloud.kubectl.json<Service>(['get', 'service', 'till'])).spec ?? {};
    const till = services().at(-1)?.service;
    assert.equal(till?.spec?.clusterIP, clusterIP);
    assert.deepEqual(till?.spec?.ports, [{ name: '80-8080', port: 80, protocol: 'TCP' }]);
    await site.cloud.stopCloudcore('kill');
    await site.edge.stop('kill');
    site.edge.start();
    await site.cloud.kubectl(['delete', 'service', 'till']);
    assert.equal(services().length, 2);
    await site.cloud.startCloudcore();
    await until('the deleted one is gone', () => services().length === 1, PATIENCE);
  });

  test("the edge has been told the cluster's version", async () => {
    const { gitVersion } = JSON.parse(await site.cloud.kubectl(['get', '--raw', '/version'])) as {
      gitVersion: string;
    };
    const [row] = edgeRows("SELECT value FROM kubeedge_ts_identity WHERE key = 'cluster-version'");
    assert.equal(row?.['value'], gitVersion);
  });
});
