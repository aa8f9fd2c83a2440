import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { deviceStatuses, devices, type Message, nodes, pods } from '@kubeedge-ts/apis';
import { enrol } from '@kubeedge-ts/pki';
import { type Cloud, createCloud, until } from '@kubeedge-ts/testing/site';
import { comparable } from './lib/comparable.ts';
import {
  entries,
  essence,
  fromCloud,
  fromEdge,
  isAck,
  isAnswer,
  messages,
  NODE,
  objectOf,
  recorded,
  title,
} from './lib/recorded.ts';
import { type RecordedCluster, recordedCluster } from './lib/recorded-cluster.ts';
import { createScriptedEdge, type ScriptedEdge } from './lib/scripted-edge.ts';
import { createMetaTable } from './lib/upstream-meta.ts';

/**
 * The recorded upstream edge, played over TLS against bin/cloudcore and a real API server that holds what the recorded
 * one held. Everything it asked is asked, everything it got must come.
 */

const WEB_PODS = ['web-6564b7f7-8f7ph', 'web-6564b7f7-w29bj'];
const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const dir = join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', 'recorded-edge');

/** What kubectl did while the recording ran, before the recorded message of this title. */
const WRITES: Readonly<Record<string, (cluster: RecordedCluster) => Promise<unknown>>> = {
  'insert default/configmap/app-config': (cluster) =>
    cluster.create(
      'insert default/configmap/app-config',
      'update default/secret/app-secret',
      'insert default/pod/demo',
    ),
  'update membership': (cluster) =>
    cluster.create('insert default/devicemodel/thermo-model', 'insert default/device/thermo-1'),
  'update default/device/thermo-1': ({ client }) => {
    const { spec } = objectOf(recorded('update default/device/thermo-1'));
    return client.patch(
      devices,
      { namespace: 'default', name: 'thermo-1' },
      { type: 'merge', body: { spec } },
    );
  },
};

const SPARED_STATUS = "the edge's own status coming back: the object it acts on is the same (LESSONS M11)";
/** Recorded messages that we do not send. */
const SPARED: Readonly<Record<string, string>> = {
  'update default/pod/web-6564b7f7-8f7ph': SPARED_STATUS,
  'update default/pod/web-6564b7f7-w29bj': SPARED_STATUS,
  'update default/pod/demo': SPARED_STATUS,
  'update null/node/edge-go': SPARED_STATUS,
  'delete default/device/thermo-1': 'said twice by upstream; the edge has confirmed the first',
};

const REFERENCED = 'what a pod needs is sent before the pod, not only on demand (DESIGN §5)';
/** Messages that the recorded cloud did not send. */
const ADDED: Readonly<Record<string, string>> = {
  'insert default/configmap/kube-root-ca.crt': REFERENCED,
  'insert default/configmap/openshift-service-ca.crt': REFERENCED,
  'update membership':
    'unconfirmed by design of the protocol: told again when the connection ends soon after, as in this fast play',
};

interface Difference {
  readonly why: string;
  readonly of: readonly string[];
  /** Takes the difference back, in our message. */
  readonly undo: (ours: Shape) => void;
}
/** Fields in which our messages differ from the recorded ones. */
const DIFFERENCES: readonly Difference[] = [
  {
    why: 'an edge acts on the end of a device only when devicecontroller tells it (LESSONS D9)',
    of: ['delete default/device/thermo-1', 'delete default/devicemodel/thermo-model'],
    undo: ({ route }) => {
      route.source = 'edgecontroller';
    },
  },
  {
    why: "the taints of a lost node are the cluster's own; ours sets NoExecute beside NoSchedule",
    of: ['update null/node/edge-go', 'response null/nodepatch/edge-go'],
    undo: ({ content }) => {
      const spec = (content.Object ?? content).spec as { taints?: { effect: string }[] };
      spec.taints = spec.taints
        ?.filter(({ effect }) => effect === 'NoSchedule')
        .map((taint) => ({ ...taint, timeAdded: '<time>' }));
      if (spec.taints === undefined) delete spec.taints;
    },
  },
  {
    why: 'Go prints an absent status as {}',
    of: ['insert default/device/thermo-1', 'update default/device/thermo-1'],
    undo: ({ content }) => {
      content.status ??= {};
    },
  },
  {
    why: 'Go prints an absent time as null',
    of: WEB_PODS.map((name) => `response default/podpatch/${name}`),
    undo: ({ content }) => {
      for (const { lastState } of content.Object?.status?.containerStatuses ?? []) {
        if (lastState.terminated) Object.assign(lastState.terminated, { startedAt: null, finishedAt: null });
      }
    },
  },
];

/** As much of a compared message as the differences touch. */
interface Shape {
  readonly route: { source: string };
  readonly content: {
    spec?: unknown;
    status?: unknown;
    Object?: {
      spec?: unknown;
      status?: { containerStatuses?: { lastState: { terminated?: object } }[] };
    };
  };
}

function likeRecorded(theirs: Message, ours: unknown): unknown {
  const shape = structuredClone(ours) as Shape;
  for (const { of, undo } of DIFFERENCES) if (of.includes(title(theirs))) undo(shape);
  return shape;
}

interface Pair {
  readonly theirs: Message;
  readonly ours: Message;
}

describe('the recorded upstream edge is served by cloudcore', { timeout: 120_000 }, () => {
  let cloud: Cloud;
  let cluster: RecordedCluster;
  let edge: ScriptedEdge;
  const pairs: Pair[] = [];
  /** Recorded messages that did not come from us, because they would have told nothing new. */
  const spared: Message[] = [];

  before(async () => {
    cloud = await createCloud({ root, dir });
    await cloud.startCluster();
    await cloud.startCloudcore();
    // Before the Node exists: a name that is taken is not given away for a token.
    const token = await cloud.joinToken();
    const credentials = await until(
      'cloudcore gives a certificate',
      () => enrol({ httpServer: cloud.httpsUrl, token, nodeName: NODE }),
      { timeoutMs: 20_000 },
    );
    cluster = await recordedCluster(cloud.kubeconfig);
    await cluster.preload();
    edge = createScriptedEdge(NODE, cloud.hubUrl, credentials);
    await play();
  });
  after(() => cloud?.stop());

  async function play(): Promise<void> {
    const delivered = new Map<string, string>();
    for (const entry of entries) {
      if (entry.kind === 'connect') await edge.connect();
      else if (entry.kind === 'close') await edge.disconnect();
      else if (entry.from === 'edge') {
        const message = entry.message as Message;
        // Acks are given by the scripted edge, to what it gets.
        if (!isAnswer(message)) await edge.send(translated(message));
      } else await expectFromCloud(entry.message as Message, delivered);
    }
    await edge.settled();
  }

  async function expectFromCloud(theirs: Message, delivered: Map<string, string>): Promise<void> {
    const { header, route } = theirs;
    if (isAnswer(theirs)) {
      const ours = await edge.take(
        `answer ${title(theirs)}`,
        (message) => message.header.parent_msg_id === header.parent_msg_id,
      );
      pairs.push({ theirs, ours });
      return;
    }
    await WRITES[title(theirs)]?.(cluster);
    if (route.group === 'resource') {
      const { uid = '' } = objectOf(theirs).metadata;
      const state = route.operation === 'delete' ? 'deleted' : essence(objectOf(theirs));
      if (delivered.get(uid) === state) {
        spared.push(theirs);
        return;
      }
      delivered.set(uid, state);
    }
    const ours = await edge.take(
      title(theirs),
      (message) => !isAnswer(message) && title(message) === title(theirs),
    );
    pairs.push({ theirs, ours });
  }

  /** With our uids, and the version our API server gave the lease. */
  function translated(message: Message): Message {
    const { content } = JSON.parse(cluster.rename(JSON.stringify({ content: message.content })));
    const version = metadataOf(edge.table.rows.get(message.route.resource ?? ''))?.resourceVersion;
    const metadata = metadataOf(content);
    if (metadata?.resourceVersion !== undefined && version !== undefined) metadata.resourceVersion = version;
    return { ...message, content };
  }

  const asRecorded = (value: unknown): unknown => comparable(value, cluster.restore);

  test('every answer and every delivery equals what the recorded cloud sent', () => {
    assert.equal(pairs.length + spared.length, fromCloud.length);
    for (const { theirs, ours } of pairs) {
      const shape = ({ header, route, content }: Message) => ({
        versioned: header.resourceversion !== undefined,
        route,
        content,
      });
      assert.deepEqual(
        likeRecorded(theirs, asRecorded(shape(ours))),
        comparable(shape(theirs)),
        title(theirs),
      );
    }
  });

  test('nothing else is sent, but for a short list of messages with their reasons', () => {
    assert.deepEqual(new Set(edge.inbox.map(title)), new Set(Object.keys(ADDED)));
  });

  test('nothing is left unsent, but for a short list of messages with their reasons', () => {
    assert.deepEqual(new Set(spared.map(title)), new Set(Object.keys(SPARED)));
  });

  test('what an object needs arrives before it', () => {
    const arrived = edge.received.map(title);
    const inOrder: readonly (readonly [cause: string, effect: string])[] = [
      ['insert default/configmap/kube-root-ca.crt', 'update default/pod/web-6564b7f7-8f7ph'],
      ['insert default/configmap/openshift-service-ca.crt', 'update default/pod/web-6564b7f7-w29bj'],
      ['delete default/pod/demo', 'insert default/pod/demo'],
      ['insert default/configmap/app-config', 'insert default/pod/demo'],
      ['update default/secret/app-secret', 'insert default/pod/demo'],
      ['update membership', 'insert default/device/thermo-1'],
      ['insert default/devicemodel/thermo-model', 'insert default/device/thermo-1'],
      ['insert default/device/thermo-1', 'update default/device/thermo-1'],
    ];
    for (const [cause, effect] of inOrder) {
      assert.ok(arrived.includes(cause), `${cause} came`);
      assert.ok(arrived.indexOf(cause) < arrived.indexOf(effect), `${cause} before ${effect}`);
    }
  });

  test("the edge's database holds the same objects", () => {
    const expected = recordedTable().map(([key, value]) => [key, comparable(value)] as const);
    const restored = (key: string): string => key.replaceAll(UUIDS, cluster.restore);
    const ours = [...edge.table.rows].map(([key, value]) => {
      const shape = { route: {}, content: asRecorded(value) };
      const like = likeRecorded(recordedUpdate(key), shape) as typeof shape;
      return [restored(key), like.content] as const;
    });
    assert.deepEqual(Object.fromEntries(ours), Object.fromEntries(expected));
    assert.equal(expected.length, 18);
  });

  test('the API server holds what the recorded edge reported', async () => {
    const { client } = cluster;
    const node = await client.get(nodes, { name: NODE });
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['True', 'EdgeReady']);
    const names = [...WEB_PODS, 'demo'];
    for (const name of names) {
      const { status } = await client.get(pods, { namespace: 'default', name });
      const patches = fromEdge.filter((message) => title(message) === `patch default/podpatch/${name}`);
      const last = JSON.parse(String(patches.at(-1)?.content)) as { status: { podIP: string } };
      assert.deepEqual([status?.phase, status?.podIP], ['Running', last.status.podIP], name);
      assert.equal(status?.containerStatuses?.[0]?.ready, true, name);
    }
    const reported = await until(
      'state and twin are written',
      async () => {
        const { status } = await client.get(deviceStatuses, { namespace: 'default', name: 'thermo-1' });
        return status?.state === 'online' && status?.twins?.length ? status : undefined;
      },
      { timeoutMs: 10_000 },
    );
    const [twin] = reported.twins ?? [];
    assert.deepEqual([twin?.propertyName, twin?.reported?.value], ['temperature', '21.5']);
  });
});

const UUIDS = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** What the recorded edge held in the end. */
function recordedTable(): [string, unknown][] {
  const table = createMetaTable();
  for (const { from, message } of messages) {
    if (from === 'cloud') table.received(message as Message);
    else if (!isAck(message as Message)) table.sent(message as Message);
  }
  return [...table.rows];
}

/** The last recorded message that wrote a row; its differences are those of the row. */
function recordedUpdate(key: string): Message {
  const written = fromCloud.filter(
    ({ route }) => route.resource === key && (route.operation === 'update' || route.operation === 'insert'),
  );
  return written.at(-1) ?? (fromCloud[0] as Message);
}

function metadataOf(content: unknown): { resourceVersion?: string } | undefined {
  return (content as { metadata?: { resourceVersion?: string } } | undefined)?.metadata;
}
