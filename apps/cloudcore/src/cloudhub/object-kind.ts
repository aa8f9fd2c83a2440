import type { DownstreamObject } from './downstream.ts';

export type ControllerName = DownstreamObject['source'];

/** What a message and a record need to know of an object besides its content. */
export type ObjectIdentity = Pick<
  DownstreamObject,
  'uid' | 'type' | 'namespace' | 'name' | 'apiVersion' | 'kind'
>;

/** Types each controller decides about. What another program put on an edge is left alone. */
const OWNERS: Readonly<Record<string, ControllerName>> = {
  pod: 'edgecontroller',
  configmap: 'edgecontroller',
  secret: 'edgecontroller',
  service: 'edgecontroller',
  node: 'edgecontroller',
  device: 'devicecontroller',
  devicemodel: 'devicecontroller',
};

/** All types that have an owner. */
export const OWNED_TYPES: readonly string[] = Object.keys(OWNERS);

/** The controller that decides whether a node must have objects of this type; undefined: none of ours. */
export function ownerOf(type: string): ControllerName | undefined {
  return Object.hasOwn(OWNERS, type) ? OWNERS[type] : undefined;
}

/**
 * An upstream cloudcore puts Services on edges for whoever watches them there (EdgeMesh). Nobody but the watcher knows
 * whether they are needed, so that those of an upstream record stay until we want the object ourselves.
 */
export function isOthers(type: string, byUpstream: boolean): boolean {
  return byUpstream && type === 'service';
}

const PLURALS: Readonly<Record<string, string>> = {
  pods: 'pod',
  configmaps: 'configmap',
  secrets: 'secret',
  services: 'service',
  nodes: 'node',
  devices: 'device',
  devicemodels: 'devicemodel',
};

/**
 * Type token of `spec.objectKind`: the Kind in lower case, or the plural that KubeEdge 1.9 wrote
 * (spec/message-protocol.md §4.5).
 */
export function typeOfKind(objectKind: string): string {
  const lower = objectKind.toLowerCase();
  return Object.hasOwn(PLURALS, lower) ? (PLURALS[lower] as string) : lower;
}

/** Edges store and delete by this key, whatever the UID. It is the resource on the wire. */
export function keyOf(object: Pick<ObjectIdentity, 'type' | 'namespace' | 'name'>): string {
  return `${object.namespace}/${object.type}/${object.name}`;
}
