import { isRecord } from '@kubeedge-ts/apis';
import type { MetaClient } from '../../metamanager/meta-client.ts';

/** The content of a ConfigMap or Secret by key. */
export type ReferencedData = ReadonlyMap<string, Buffer>;

/** Reads the objects of one namespace that a pod refers to; undefined when there is no such object. */
export type ReadReferenced = (
  type: 'configmap' | 'secret',
  name: string,
) => Promise<ReferencedData | undefined>;

/** One look at each object, however many references there are. */
export function referencedReader(meta: Pick<MetaClient, 'getReferenced'>, namespace: string): ReadReferenced {
  const reads = new Map<string, Promise<ReferencedData | undefined>>();
  return (type, name) => {
    const key = `${type}/${name}`;
    let read = reads.get(key);
    if (read === undefined) {
      read = meta
        .getReferenced(type, namespace, name)
        .then((object) => (object === undefined ? undefined : dataOf(type, object)));
      reads.set(key, read);
    }
    return read;
  };
}

export function dataOf(
  type: 'configmap' | 'secret',
  object: Readonly<Record<string, unknown>>,
): ReferencedData {
  const data = new Map<string, Buffer>();
  const add = (field: unknown, encoding: 'utf8' | 'base64'): void => {
    if (!isRecord(field)) return;
    for (const [key, value] of Object.entries(field)) {
      if (typeof value === 'string') data.set(key, Buffer.from(value, encoding));
    }
  };
  if (type === 'secret') {
    add(object['data'], 'base64');
    add(object['stringData'], 'utf8');
  } else {
    add(object['binaryData'], 'base64');
    add(object['data'], 'utf8');
  }
  return data;
}
