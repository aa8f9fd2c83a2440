import type { KubeObject, UnknownObject } from '@kubeedge-ts/apis';
import type { DownstreamObject } from '../downstream.ts';
import type { ObjectIdentity } from '../object-kind.ts';

/** An object of the world's API server. */
export interface ApiObject {
  readonly uid: string;
  readonly birth: number;
  readonly version: number;
  readonly value: string;
}

export const NAMES: readonly Pick<ObjectIdentity, 'type' | 'name'>[] = [
  { type: 'configmap', name: 'a' },
  { type: 'pod', name: 'p' },
  { type: 'device', name: 'd' },
];
const RANKS: Readonly<Record<string, number>> = {
  devicemodel: 0,
  configmap: 1,
  secret: 1,
  device: 2,
  pod: 3,
};
export const VALUES = ['red', 'green'];

/** `object` as its controller saw it; `now` reads what it is by the time it is sent. */
export function downstreamObject(
  key: string,
  object: ApiObject,
  now: () => ApiObject | undefined,
): DownstreamObject {
  const [, type = '', name = ''] = key.split('/');
  return {
    uid: object.uid,
    type,
    namespace: 'shop',
    name,
    hash: object.value,
    resourceVersion: String(object.version),
    source: type.startsWith('device') ? 'devicecontroller' : 'edgecontroller',
    firstOperation: type === 'secret' ? 'update' : 'insert',
    rank: RANKS[type] ?? 1,
    apiVersion: 'v1',
    kind: type,
    ...(type === 'device'
      ? { hashOf: (content: KubeObject) => (content as UnknownObject)['value'] as string }
      : {}),
    content: () => {
      const current = now();
      if (current === undefined) return undefined;
      const { uid, version, birth, value } = current;
      return { metadata: { name, namespace: 'shop', uid, resourceVersion: String(version) }, birth, value };
    },
  };
}
