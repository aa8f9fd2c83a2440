import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ConfigMap,
  configMaps,
  type KubeObject,
  type Lease,
  leases,
  type Message,
  type Node,
  nodes,
  type Pod,
  pods,
  type Resource,
  serviceAccounts,
} from '@kubeedge-ts/apis';
import { createFakeKube, type FakeKube } from '@kubeedge-ts/kube/testing';
import { seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { createFakeDownstream } from '../controllers/testing/fake-downstream.ts';
import { normalised, type RecordedFrame, recordedFrames } from '../controllers/testing/recording.ts';
import { seed, until } from '../controllers/testing/settle.ts';
import { createEdgeController } from './edge-controller.ts';

const NODE = 'edge-go';
const frames = recordedFrames();

/** Requests of the recorded edge that the EdgeController answers, with the recorded answers. */
function exchanges(): { request: Message; answer: Message | undefined }[] {
  const ours = ({ dir, message: { route, header } }: RecordedFrame) =>
    dir === 'edge->cloud' && route.source === 'edged' && header.parent_msg_id === undefined;
  return frames.filter(ours).map(({ message }) => ({
    request: message,
    answer: frames.find(
      ({ dir, message: other }) =>
        dir === 'cloud->edge' && other.header.parent_msg_id === message.header.msg_id,
    )?.message,
  }));
}

/** The first content the recorded cloud sent of an object, as a delivery or inside an answer. */
function firstSeen<T extends KubeObject>(kind: string, name: string): T {
  const types: Record<string, string[]> = {
    Pod: ['/pod/'],
    Node: ['/node/'],
    ConfigMap: ['/configmap/'],
    Secret: ['/secret/'],
    Lease: ['/lease/'],
  };
  for (const { dir, message } of frames) {
    if (dir !== 'cloud->edge' || message.route.operation === 'delete') continue;
    if (!types[kind]?.some((type) => message.route.resource?.endsWith(`${type}${name}`))) continue;
    const content = message.content as { Object?: KubeObject; Err?: unknown } & KubeObject;
    if (content.Err) continue;
    const object = content.Object ?? content;
    if (object.metadata?.uid) return structuredClone(object) as T;
  }
  return assert.fail(`${kind} ${name} is not in the recording`);
}

/** The cluster as it was when the recorded edge connected. */
function cluster(): FakeKube {
  const kube = createFakeKube({ random: seededRandom(7) });
  const put = <T extends KubeObject>(resource: Resource<T>, name: string) => {
    const { resourceVersion: _version, ...metadata } = firstSeen<T>(resource.kind, name).metadata;
    seed(kube, resource, { ...firstSeen<T>(resource.kind, name), metadata });
  };
  put<Node>(nodes, NODE);
  put<Lease>(leases, NODE);
  for (const name of ['web-6564b7f7-8f7ph', 'web-6564b7f7-w29bj', 'demo']) put<Pod>(pods, name);
  for (const name of ['kube-root-ca.crt', 'openshift-service-ca.crt', 'app-config']) {
    put<ConfigMap>(configMaps, name);
  }
  seed(kube, serviceAccounts, { metadata: { name: 'default', namespace: 'default', uid: 'sa' } });
  return kube;
}

test('every request of the recorded edge gets the answer upstream gave it', async (t) => {
  const kube = cluster();
  const downstream = createFakeDownstream();
  downstream.connect(NODE);
  const controller = createEdgeController({
    kube: { ...kube, createSubresource: issueToken },
    downstream,
    clock: systemClock,
    random: seededRandom(1),
    log: silentLogger,
  });
  t.after(() => controller.module.stop());
  await controller.module.start(new AbortController().signal);
  await until(() => downstream.settledSources.length > 0, 'caches synced');

  let compared = 0;
  for (const { request, answer } of exchanges()) {
    if (answer === undefined) continue;
    othersWrite(kube, answer);
    // Leases are guarded by their version, which our cluster counts for itself.
    const sent = request.route.resource?.includes('/lease/') ? withCurrentVersion(kube, request) : request;
    await controller.upstream.receive(NODE, sent);
    const ours = await until(() => downstream.answerTo(request), `answer to ${request.route.resource}`);
    assert.deepEqual(shape(ours), shape(answer), `${request.route.operation} ${request.route.resource}`);
    compared += 1;
  }
  assert.ok(compared > 40, `only ${compared} exchanges compared`);
});

/** The recorded cluster's controllers changed the Node's taints meanwhile. */
function othersWrite(kube: FakeKube, answer: Message): void {
  if (!answer.route.resource?.includes('/nodepatch/')) return;
  const { Object: recorded } = answer.content as { Object: Node };
  const [node] = kube.objects(nodes);
  kube.put(nodes, { ...node!, spec: recorded.spec ?? {} });
}

/** What a real API server adds to a token request. */
const issueToken: FakeKube['createSubresource'] = async <B, R>(
  ...[, , , body]: [unknown, unknown, unknown, B]
) => {
  const request = body as { spec: object };
  return {
    ...request,
    metadata: { creationTimestamp: '2026-11-22T14:08:50Z' },
    spec: { ...request.spec, audiences: ['https://kubernetes.default.svc'] },
    status: { token: 'x', expirationTimestamp: 'y' },
  } as R;
};

function withCurrentVersion(kube: FakeKube, request: Message): Message {
  const content = request.content as KubeObject | null;
  if (content === null) return request;
  const current = kube.objects(leases)[0]?.metadata.resourceVersion;
  return { ...request, content: { ...content, metadata: { ...content.metadata, resourceVersion: current } } };
}

/** What must be equal: route, header fields that are set, content. */
function shape({ header, route, content }: Message): unknown {
  return normalised({
    header: { parent: header.parent_msg_id, versioned: header.resourceversion !== undefined },
    route,
    content: withoutGeneration(content),
  });
}

/** The fake API counts generations where a real one does not. */
function withoutGeneration(content: unknown): unknown {
  return JSON.parse(
    JSON.stringify(content, (key, value) => (key === 'generation' ? undefined : value)) ?? 'null',
  );
}
