import { errorText } from '@kubeedge-ts/errors';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import { dataOf, type ReadReferenced, type ReferencedData } from '../runtime/referenced.ts';
import { volumeProblem } from './problems.ts';

/** ConfigMaps and Secrets as the volumes of one pod see them over its life. */
export interface PodObjects {
  /** One look at each object for one round of work; an immutable one is looked at once in the pod's life. */
  reader(): ReadReferenced;
}

export function createPodObjects(meta: Pick<MetaClient, 'getReferenced'>, namespace: string): PodObjects {
  const immutable = new Map<string, ReferencedData>();
  return {
    reader() {
      const reads = new Map<string, Promise<ReferencedData | undefined>>();
      return (type, name) => {
        const key = `${type}/${name}`;
        const kept = immutable.get(key);
        if (kept !== undefined) return Promise.resolve(kept);
        let read = reads.get(key);
        if (read === undefined) {
          read = meta.getReferenced(type, namespace, name).then((object) => {
            if (object === undefined) return undefined;
            const data = dataOf(type, object);
            if (object['immutable'] === true) immutable.set(key, data);
            return data;
          });
          reads.set(key, read);
        }
        return read;
      };
    },
  };
}

/** A Secret that a volume's driver is given, not the containers. @throws EDGED_VOLUME */
export async function secretFor(
  volume: string,
  meta: Pick<MetaClient, 'getReferenced'>,
  reference: { readonly name?: string; readonly namespace?: string } | undefined,
  use: string,
): Promise<Record<string, string>> {
  const { name, namespace } = reference ?? {};
  if (name === undefined || namespace === undefined) return {};
  const failed = (text: string, cause?: unknown) =>
    volumeProblem(volume, `fetching ${use} ${namespace}/${name} failed: ${text}`, { cause });
  const object = await meta.getReferenced('secret', namespace, name).catch((error: unknown) => {
    throw failed(errorText(error), error);
  });
  if (object === undefined) throw failed(`secret "${name}" not found`);
  return Object.fromEntries([...dataOf('secret', object)].map(([key, value]) => [key, value.toString()]));
}
