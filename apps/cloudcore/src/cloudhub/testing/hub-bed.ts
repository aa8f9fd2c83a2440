import {
  clusterObjectSyncs,
  type KubeObject,
  type Message,
  nodes,
  type ObjectSync,
  objectSyncs,
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
import { type CloudHub, type CloudHubConfig, createCloudHub } from '../cloudhub.ts';
import type { DownstreamObject } from '../downstream.ts';
import { createFakeTransport, type FakeLink, type FakeTransport } from './fake-link.ts';

/** CloudHub with everything around it fake: API server, clock, links, controllers. */
export interface HubBed {
  readonly hub: CloudHub;
  readonly kube: FakeKube;
  readonly clock: VirtualClock;
  readonly transport: FakeTransport;
  /** Messages the controllers got, `{node}: {operation} {resource}`. */
  readonly upstream: string[];
  readonly lifecycle: string[];
  /** What the controllers do with a message before the next one is taken. */
  work: (node: string, message: Message) => void | Promise<void>;
  /** What a controller does when a node arrives. */
  arriving: (node: string, headers: Readonly<Record<string, string>>) => void;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  records(): readonly ObjectSync[];
  addNode(name: string): void;
  stop(): Promise<void>;
}

export const CLUSTER = 'cluster-1';

export interface HubBedOptions {
  readonly kube?: FakeKube;
  /** The client the hub uses, e.g. with faults. */
  readonly client?: (kube: FakeKube, clock: VirtualClock) => KubeClient;
  readonly config?: Partial<CloudHubConfig>;
}

export async function createHubBed(options: HubBedOptions = {}): Promise<HubBed> {
  const clock = createVirtualClock();
  const kube = options.kube ?? createFakeKube({ clock });
  const transport = createFakeTransport();
  const upstream: string[] = [];
  const lifecycle: string[] = [];
  const hub = createCloudHub({
    transport,
    serverOptions: {
      address: '127.0.0.1',
      port: 0,
      tls: { ca: '', cert: '', key: '' },
      maxFrameBytes: 1 << 25,
    },
    admission: (peer) =>
      peer.nodeName === 'stranger' ? { accept: false, status: 403, reason: 'unknown' } : { accept: true },
    kube: options.client?.(kube, clock) ?? kube,
    clusterId: CLUSTER,
    clusterCaPem: '<ca>',
    clock,
    random: seededRandom(7),
    log: silentLogger,
    config: { nodeLimit: 3, keepaliveMs: 30_000, advertiseAddress: '10.0.0.1', ...options.config },
  });
  const receive = (who: string) => ({
    receive: async (node: string, message: Message) => {
      await bed.work(node, message);
      upstream.push(`${who} ${node}: ${message.route.operation} ${message.route.resource}`);
    },
  });
  hub.bind({
    upstream: { edge: receive('edge'), device: receive('device') },
    lifecycle: [
      {
        arriving: (node, headers) => bed.arriving(node, headers),
        connected: (node) => lifecycle.push(`+${node}`),
        disconnected: (node) => lifecycle.push(`-${node}`),
      },
    ],
  });
  const bed: HubBed = {
    hub,
    kube,
    clock,
    transport,
    upstream,
    lifecycle,
    work: () => {},
    arriving: () => {},
    settle: () => clock.advance(0).then(() => clock.advance(0)),
    records: () => [...kube.objects(objectSyncs), ...kube.objects(clusterObjectSyncs)],
    addNode: (name) => {
      kube.put(nodes, { metadata: { name } });
    },
    async stop() {
      const stopped = hub.module.stop();
      await clock.advance(5_000);
      await stopped;
    },
  };
  await hub.module.start(new AbortController().signal);
  await bed.settle();
  return bed;
}

const TYPES = {
  configmap: { rank: 1, kind: 'ConfigMap', apiVersion: 'v1' },
  secret: { rank: 1, kind: 'Secret', apiVersion: 'v1' },
  service: { rank: 1, kind: 'Service', apiVersion: 'v1' },
  pod: { rank: 3, kind: 'Pod', apiVersion: 'v1' },
  node: { rank: 1, kind: 'Node', apiVersion: 'v1' },
  devicemodel: { rank: 0, kind: 'DeviceModel', apiVersion: 'devices.kubeedge.io/v1beta1' },
  device: { rank: 2, kind: 'Device', apiVersion: 'devices.kubeedge.io/v1beta1' },
} as const;

export interface Wish {
  readonly type?: keyof typeof TYPES;
  readonly uid?: string;
  readonly name?: string;
  readonly version?: string;
  readonly hash?: string;
  readonly deleting?: boolean;
  readonly content?: () => KubeObject | undefined;
}

/** An object as a controller would ask for it; everything has a default. */
export function wish(about: Wish = {}): DownstreamObject {
  const { type = 'configmap', uid = 'u1', name = uid, version = '1', hash = `h${version}` } = about;
  const { rank, kind, apiVersion } = TYPES[type];
  const namespace = type === 'node' ? 'null' : 'shop';
  const deletion = about.deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {};
  return {
    uid,
    type,
    namespace,
    name,
    hash,
    resourceVersion: version,
    source: type.startsWith('device') ? 'devicecontroller' : 'edgecontroller',
    firstOperation: type === 'secret' || type === 'node' ? 'update' : 'insert',
    rank,
    apiVersion,
    kind,
    content:
      about.content ??
      (() => ({
        apiVersion,
        kind,
        metadata: { name, namespace, uid, resourceVersion: version, ...deletion },
      })),
  };
}

/** `insert shop/configmap/u1`, for comparing what an edge got. */
export function lines(messages: readonly Message[]): string[] {
  return messages.map(({ route }) => `${route.operation} ${route.resource}`);
}

/** What a resource holds, by name. */
export function named<T extends KubeObject>(
  kube: FakeKube,
  resource: Resource<T>,
  name: string,
): T | undefined {
  return kube.objects(resource).find((object) => object.metadata.name === name);
}

/** Acks everything, until nothing more comes. */
export async function ackAll(bed: HubBed, link: FakeLink): Promise<Message[]> {
  const got: Message[] = [];
  for (let message = link.received.shift(); message !== undefined; message = link.received.shift()) {
    got.push(message);
    await link.ack(message);
    await bed.settle();
  }
  return got;
}
