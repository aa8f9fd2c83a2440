import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  CAPABILITIES_HEADER,
  type ErrStatus,
  type KubeObject,
  type Message,
  type Node,
  newMessage,
  nodes,
  type ObjectResponse,
  OWN_CAPABILITIES,
  type Pod,
  pods,
  type Resource,
} from '@kubeedge-ts/apis';
import type { KubeClient } from '@kubeedge-ts/kube';
import {
  createFakeKube,
  createVirtualClock,
  type FakeKube,
  type VirtualClock,
} from '@kubeedge-ts/kube/testing';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createFakeDownstream, type FakeDownstream } from '../../controllers/testing/fake-downstream.ts';
import { seed, settle, until } from '../../controllers/testing/settle.ts';
import { createEdgeController, type EdgeController, type EdgeControllerOptions } from '../edge-controller.ts';

export const NODE = 'edge-a';
const random = seededRandom(5);

export interface EdgeWorld {
  readonly kube: FakeKube;
  readonly clock: VirtualClock;
  readonly downstream: FakeDownstream;
  readonly controller: EdgeController;
  /** Sends a request and returns the answer, if one came. */
  ask(operation: string, resource: string, content?: unknown, node?: string): Promise<Message | undefined>;
}

export interface EdgeWorldOptions {
  readonly setUp?: (kube: FakeKube) => void;
  readonly options?: EdgeControllerOptions;
  /** The edge is one of ours, with all its additions; default: one of upstream's. */
  readonly ours?: boolean;
  readonly wrap?: (kube: FakeKube, clock: VirtualClock) => KubeClient;
  /** Default: waits until the controller has told that it knows everything. */
  readonly settled?: boolean;
}

export const aNode = (name: string, edge = true): Node => ({
  metadata: {
    name,
    uid: `uid-${name}`,
    labels: { 'kubernetes.io/hostname': name, ...(edge ? { 'node-role.kubernetes.io/edge': '' } : {}) },
  },
  spec: {},
  status: { conditions: [] },
});

export const aPod = (name: string, spec: Pod['spec'] | object = {}, metadata: object = {}): Pod =>
  ({
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, ...metadata },
    spec: { nodeName: NODE, containers: [{ name: 'main' }], ...spec },
    status: { phase: 'Pending' },
  }) as Pod;

/** A pod that mounts a ConfigMap and reads a Secret into its environment. */
export const aClient = (name: string, configMap: string, secret: string): Pod =>
  aPod(name, {
    volumes: [{ name: 'v', configMap: { name: configMap } }],
    containers: [{ name: 'main', envFrom: [{ secretRef: { name: secret } }] }],
  });

export const put = <T extends KubeObject>(kube: FakeKube, resource: Resource<T>, object: T): T =>
  seed(kube, resource, object);

export async function edgeWorld(t: TestContext, world: EdgeWorldOptions = {}): Promise<EdgeWorld> {
  const clock = createVirtualClock();
  const kube = createFakeKube({ clock });
  put(kube, nodes, aNode(NODE));
  world.setUp?.(kube);
  const downstream = createFakeDownstream();
  downstream.connect(NODE);
  const controller = createEdgeController({
    kube: world.wrap?.(kube, clock) ?? kube,
    downstream,
    clock,
    random,
    log: silentLogger,
    ...(world.options ? { options: world.options } : {}),
  });
  t.after(() => controller.module.stop());
  controller.lifecycle.arriving?.(NODE, world.ours ? { [CAPABILITIES_HEADER]: OWN_CAPABILITIES } : {});
  await controller.module.start(new AbortController().signal);
  if (world.settled ?? true) await until(() => downstream.settledSources.length > 0, 'settled');
  await settle();
  return {
    kube,
    clock,
    downstream,
    controller,
    async ask(operation, resource, content = null, node = NODE) {
      const request = requestOf(operation, resource, content);
      await controller.upstream.receive(node, request);
      await controller.idle();
      return downstream.answerTo(request);
    },
  };
}

export const requestOf = (operation: string, resource: string, content: unknown = null): Message =>
  newMessage(
    { now: () => 1, uuid: random.uuid },
    { source: 'edged', group: 'meta', operation, resource, content },
  );

export const podOf = (kube: FakeKube, name: string): Pod | undefined =>
  kube.objects(pods).find(({ metadata }) => metadata.name === name);

function contentOf(answer: Message | undefined): unknown {
  assert.ok(answer, 'no answer');
  return answer.content;
}
/** The answer's content as an object, as `{Object, Err}`, and as the Status in `{ErrStatus}`. */
export const objectOf = (answer: Message | undefined) => contentOf(answer) as KubeObject;
export const responseOf = (answer: Message | undefined) => contentOf(answer) as ObjectResponse<KubeObject>;
export const errorOf = (answer: Message | undefined) => (contentOf(answer) as Partial<ErrStatus>).ErrStatus;
