import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { Event as KubeEvent, Message } from '@kubeedge-ts/apis';
import { ContainerState, createCriClient } from '@kubeedge-ts/cri';
import { createMqttClient } from '@kubeedge-ts/mqtt';
import { systemClock as clock, systemRandom as random, silentLogger } from '@kubeedge-ts/runtime';
import { type Containerd, startContainerd } from '@kubeedge-ts/testing/containerd';
import { type Mosquitto, startMosquitto } from '@kubeedge-ts/testing/mosquitto';
import { createEdge, type Edge, freePorts, until } from '@kubeedge-ts/testing/site';
import { composed, distinctShapes, type Shape } from './lib/edge-report.ts';
import { fromEdge, isAck, isAnswer, messages, NODE, title } from './lib/recorded.ts';
import { type ScriptedCloud, startScriptedCloud } from './lib/scripted-cloud.ts';
import { createMetaTable } from './lib/upstream-meta.ts';

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const dir = join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', 'recorded-cloud');
const cgroup = process.env['KUBEEDGE_TS_CGROUP'] ?? '';
const WEB_PODS = ['default/pod/web-6564b7f7-8f7ph', 'default/pod/web-6564b7f7-w29bj'];

describe('the recorded upstream cloud drives edgecore', { timeout: 180_000 }, () => {
  let containerd: Containerd;
  let mosquitto: Mosquitto;
  let cloud: ScriptedCloud;
  let edge: Edge;

  before(async () => {
    const [internal, kubeletPort] = (await freePorts(2)) as [number, number];
    containerd = await startContainerd({ dir: join(dir, 'ctd'), cgroups: [`/${cgroup}`] });
    mosquitto = await startMosquitto();
    cloud = await startScriptedCloud();
    edge = createEdge({
      root,
      dir: join(dir, 'edge'),
      nodeName: NODE,
      hubUrl: cloud.hubUrl,
      httpsUrl: cloud.httpsUrl,
      token: cloud.token,
      runtimeEndpoint: containerd.endpoint,
      cgroup,
      mqttExternal: mosquitto.url,
      mqttInternal: `tcp://127.0.0.1:${internal}`,
      kubeletPort,
    });
    edge.start();
    await play();
  });
  after(async () => {
    await edge?.stop();
    await cloud?.close();
    await mosquitto?.[Symbol.asyncDispose]();
    await containerd?.stop();
  });

  const sent = (): Message[] =>
    cloud.exchanged.filter(({ from }) => from === 'edge').map(({ message }) => message);
  const seen = (wanted: string): boolean => sent().some((message) => title(message) === wanted);
  const ready = (resource: string): boolean =>
    cloud
      .object(resource)
      ?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  const running = (resource: string): boolean =>
    ready(resource) && cloud.object(resource)?.status?.phase === 'Running';
  const waitFor = (what: string, look: () => boolean | Promise<boolean>) =>
    until(what, look, { timeoutMs: 60_000, everyMs: 20 });

  /** The pushes of the recording between two of its times, ms; what follows a patch the scripted cloud pushes itself. */
  async function push(from: number, to: number): Promise<void> {
    for (const { t, from: side, message } of messages) {
      if (side !== 'cloud' || t < from || t >= to || isAnswer(message as Message)) continue;
      await cloud.push(message as Message);
    }
  }

  async function play(): Promise<void> {
    await waitFor('the node is registered', () => seen(`insert null/node/${NODE}`));
    await waitFor('the node has said what it is', () => seen(`patch null/nodepatch/${NODE}`));
    await waitFor('the node is Ready', () => ready(`null/node/${NODE}`));
    // The recorded cloud had taken the node for lost.
    await push(0, 1340);
    await waitFor('the node is Ready again', () => ready(`null/node/${NODE}`));
    await waitFor('the pods of the Deployment run', () => WEB_PODS.every(running));
    await push(9_000, 12_960);
    await waitFor('the pod with a ConfigMap and a Secret runs', () => running('default/pod/demo'));
    await useDevice();
    await push(47_000, 48_000);
    cloud.hangUp();
    await waitFor('the edge has gone', () => !cloud.connected());
    const told = sent().length;
    const since = (wanted: string) =>
      sent()
        .slice(told)
        .some((message) => title(message) === wanted);
    await waitFor('the edge is back', () =>
      [`update kube-node-lease/lease/${NODE}`, `patch null/nodepatch/${NODE}`].every(since),
    );
  }

  /** The recorded mapper's messages. */
  async function useDevice(): Promise<void> {
    const lines = readFileSync(join(root, 'tests/fixtures/upstream-wire/mqtt.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const requests = lines
      .map((line) => JSON.parse(line) as { topic: string; payload: string })
      .filter(({ topic }) => !/\/(result|document)$/.test(topic));
    const answers: string[] = [];
    const mapper = createMqttClient({
      url: mosquitto.url,
      clientId: 'recorded-mapper',
      clock,
      random,
      log: silentLogger,
      subscriptions: ['$hw/events/#'],
      onMessage: (message) => {
        answers.push(message.topic);
        message.ack();
      },
    });
    mapper.start();
    await waitFor('the mapper is connected', () => mapper.connected);
    for (const { topic, payload } of requests) {
      mapper.publish(topic, payload, 1);
      const answer = `${topic}/result`;
      await waitFor(`${topic} is answered`, () => answers.splice(0).includes(answer));
    }
    await waitFor('the state is reported', () => seen('update device/default/thermo-1/state/update'));
    await mapper.close();
  }

  test('what the edge asks and reports equals the recording, but for a short list of differences', () => {
    const ours = distinctShapes(
      sent()
        .filter((message) => !isAnswer(message))
        .filter(isComparedWhole),
    );
    const theirs = distinctShapes(fromEdge.filter((message) => !isAnswer(message)).filter(isComparedWhole));
    for (const { titled, undo } of DIFFERENCES) {
      for (const shapes of [ours, theirs]) shapes[titled] = undo(shapes[titled] ?? []);
    }
    assert.deepEqual(ours, theirs);
  });

  for (const resource of [...WEB_PODS, 'default/pod/demo']) {
    const patches = `patch ${resource.replace('/pod/', '/podpatch/')}`;
    test(`the status of ${resource} is reported as recorded, in as many patches as it likes`, () => {
      const of = (all: readonly Message[]) => all.filter((message) => title(message) === patches);
      assert.deepEqual(withoutTransitions(composed(of(sent()))), withoutTransitions(composed(of(fromEdge))));
    });
  }

  test('every push and every answer is acked as recorded', () => {
    const ours = distinctShapes(sent().filter(isAck));
    assert.deepEqual(ours, distinctShapes(fromEdge.filter(isAck)));
  });

  test('events come as upstream edges send them, and leave the outbox although nobody answers them', async () => {
    const events = sent().filter(isEvent);
    assert.ok(events.length > 0);
    for (const { route, content } of events) {
      const { metadata, involvedObject, source } = content as KubeEvent;
      assert.deepEqual([route.source, route.group, route.operation], ['edged', 'meta', 'insert']);
      assert.equal(route.resource, `default/event/${metadata.name}`);
      assert.ok(['Pod', 'Node'].includes(involvedObject.kind ?? ''), involvedObject.kind ?? 'no kind');
      assert.deepEqual(source, { component: 'kubelet', host: NODE });
    }
    const names = events.map(({ content }) => (content as KubeEvent).metadata.name);
    assert.equal(new Set(names).size, names.length, 'each came once, also over a lost connection');
    const db = new DatabaseSync(edge.databaseFile, { readOnly: true });
    try {
      const waiting = () =>
        db.prepare("SELECT count(*) AS count FROM outbox WHERE kind = 'event'").get()?.['count'];
      await until('all have been received', () => waiting() === 0, { timeoutMs: 5000 });
    } finally {
      db.close();
    }
  });

  test("the edge's database holds what upstream's would", async () => {
    const db = new DatabaseSync(edge.databaseFile, { readOnly: true });
    try {
      await until(
        'the rows are there',
        () => {
          assert.deepEqual(metaRows(db), expectedRows());
          return true;
        },
        { timeoutMs: 5000 },
      );
      assert.deepEqual(metaRows(db), expectedRows());
      assert.deepEqual(
        db
          .prepare('SELECT key FROM meta_v2 ORDER BY key')
          .all()
          .map(({ key }) => key),
        META_V2,
      );
      assert.deepEqual(
        db
          .prepare('SELECT id, name, state FROM device')
          .all()
          .map((row) => ({ ...row })),
        [{ id: 'default/thermo-1', name: 'thermo-1', state: 'online' }],
      );
      assert.deepEqual(twinRows(db), TWINS);
    } finally {
      db.close();
    }
  });

  function expectedRows(): Record<string, unknown> {
    const table = createMetaTable();
    for (const { from, message } of cloud.exchanged) {
      if (from === 'cloud') table.received(message);
      else if (!isAck(message)) table.sent(message);
    }
    return Object.fromEntries([...table.rows].filter(([key]) => !(key in NOT_KEPT)));
  }

  test('the containers of the recorded pods run, with what their specs refer to', async () => {
    const cri = createCriClient({ endpoint: containerd.endpoint, clock, requestTimeoutMs: 10_000 });
    try {
      const { containers } = await cri.listContainers({});
      const pods = containers
        .filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)
        .map(({ labels }) => `default/pod/${labels['io.kubernetes.pod.name']}`);
      assert.deepEqual(pods.sort(), ['default/pod/demo', ...WEB_PODS]);
      const demo = containers.find(({ labels }) => labels['io.kubernetes.pod.name'] === 'demo');
      const cmd = ['sh', '-c', 'echo $PASS $greeting $(cat /etc/app/mode)'];
      const { stdout } = await cri.execSync({ containerId: demo?.id ?? '', cmd, timeout: 5 });
      assert.equal(Buffer.from(stdout).toString().trim(), 's3cret hello edge');
      for (const resource of WEB_PODS) {
        const page = await fetch(`http://${cloud.object(resource)?.status?.podIP}/`);
        assert.equal((await page.text()).trim(), `hi from ${NODE}`);
      }
    } finally {
      cri.close();
    }
  });
});

const isEvent = ({ route }: Message): boolean => /\/event\//.test(route.resource ?? '');
/** Status patches are compared as what they do together; the recorded edge was told to report no events. */
const isComparedWhole = (message: Message): boolean =>
  !isEvent(message) && !/\/podpatch\//.test(message.route.resource ?? '');

interface Difference {
  readonly titled: string;
  readonly why: string;
  /** Takes the difference out of both. */
  readonly undo: (shapes: readonly Shape[]) => Shape[];
}
/** What our edge says otherwise than the recorded one. */
const DIFFERENCES: readonly Difference[] = [
  {
    titled: `insert null/node/${NODE}`,
    why: 'the recorded edge was not ready when it registered: its CSINode could not be made (LESSONS A7)',
    undo: (shapes) => distinct(shapes.map(withoutReadiness)),
  },
  {
    titled: `patch null/nodepatch/${NODE}`,
    why: 'an edge without a Node object says its whole status, and labels of an earlier registration; its machine is not the recorded one',
    undo: (shapes) =>
      distinct(
        shapes
          .filter(({ content }) => JSON.stringify(content).includes('$setElementOrder'))
          .map(withoutMachine),
      ),
  },
];

/** Rows of upstream that are not kept here. */
const NOT_KEPT: Readonly<Record<string, string>> = {
  [`kube-node-lease/lease/${NODE}`]: 'asked anew at every start; ten seconds old, it is of no use',
};

const META_V2 = [
  '/core/v1/configmaps/default/app-config',
  '/core/v1/nodes/null/edge-go',
  '/core/v1/pods/default/demo',
  '/core/v1/pods/default/web-6564b7f7-8f7ph',
  '/core/v1/pods/default/web-6564b7f7-w29bj',
  '/core/v1/secrets/default/app-secret',
  '/devices.kubeedge.io/v1beta1/devicemodels/default/thermo-model',
  '/devices.kubeedge.io/v1beta1/devices/default/thermo-1',
];

const TWINS = [
  // Upstream keeps none: here a desired value of the Device becomes a twin, so that MQTT clients see it.
  { name: 'setpoint', expected: '23', actual: '', actual_version: '', optional: 0, attr_type: 'int' },
  {
    name: 'temperature',
    expected: '',
    actual: '21.5',
    actual_version: '{"cloud":0,"edge":1}',
    optional: 1,
    attr_type: 'float',
  },
];

function twinRows(db: DatabaseSync): unknown[] {
  const columns = 'name, expected, actual, actual_version, optional, attr_type';
  return db
    .prepare(`SELECT ${columns} FROM device_twin ORDER BY name`)
    .all()
    .map((row) => ({ ...row }));
}

/** Key → value of every row; each has the type its key says. */
function metaRows(db: DatabaseSync): Record<string, unknown> {
  const rows = db.prepare('SELECT key, type, value FROM meta').all();
  for (const { key, type } of rows) {
    const ofKey = String(key).startsWith('"') ? 'serviceaccounttoken' : String(key).split('/')[1];
    assert.equal(type, ofKey, String(key));
  }
  return Object.fromEntries(rows.map(({ key, value }) => [String(key), JSON.parse(String(value))]));
}

function distinct(shapes: readonly Shape[]): Shape[] {
  return [...new Map(shapes.map((shape) => [JSON.stringify(shape), shape])).values()];
}

/** A registration without the state of the Ready condition. */
function withoutMachine(shape: Shape): Shape {
  const { '<json>': patch } = structuredClone(shape.content) as { '<json>': { status: object } };
  const machine = ['addresses', 'allocatable', 'capacity', 'nodeInfo'];
  const status = Object.fromEntries(Object.entries(patch.status).filter(([key]) => !machine.includes(key)));
  return { ...shape, content: { '<json>': { ...patch, status } } };
}

function withoutReadiness(shape: Shape): Shape {
  const copy = structuredClone(shape) as { content: { status: { conditions: object[] } } };
  copy.content.status.conditions = copy.content.status.conditions.slice(0, -1);
  return copy as unknown as Shape;
}

/** Times have seconds: a transition within the second of the one before leaves the time as it is. */
function withoutTransitions(patch: unknown): unknown {
  return JSON.parse(
    JSON.stringify(patch, (key, value: unknown) => (key === 'lastTransitionTime' ? undefined : value)),
  );
}
