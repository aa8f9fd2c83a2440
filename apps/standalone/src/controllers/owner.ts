import {
  apiVersionOf,
  type KubeObject,
  type LabelSelector,
  type OwnerReference,
  type Resource,
} from '@kubeedge-ts/apis';
import { isNotFound, type KubeClient, matchesLabelSelector } from '@kubeedge-ts/kube';

/** The reference to the one owner that manages the object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function controllerReference(resource: Resource<KubeObject>, owner: KubeObject): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name,
    uid: String(owner.metadata.uid),
    controller: true,
    blockOwnerDeletion: true,
  };
}

export interface Claim<T extends KubeObject> {
  readonly client: Pick<KubeClient, 'get' | 'patch'>;
  readonly owner: KubeObject;
  readonly ownerResource: Resource<KubeObject>;
  readonly selector: LabelSelector | undefined;
  readonly resource: Resource<T>;
  /** Objects of the owner's namespace. */
  readonly candidates: readonly T[];
}

/**
 * The candidates the owner manages: its own that fit the selector, and orphans that fit, which it adopts. Its own that
 * fit no longer are released. Objects of others are left alone.
 */
export async function claim<T extends KubeObject>(options: Claim<T>): Promise<T[]> {
  const { client, owner, ownerResource, selector, resource, candidates } = options;
  const deleting = owner.metadata.deletionTimestamp !== undefined;
  const claimed: T[] = [];
  let mayAdopt: Promise<boolean> | undefined;

  const setOwners = async (object: T, ownerReferences: readonly OwnerReference[]): Promise<T | undefined> => {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const body = { metadata: { uid, resourceVersion, ownerReferences } };
    try {
      return await client.patch<T>(resource, { namespace, name }, { type: 'merge', body });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  for (const object of candidates) {
    const controller = controllerOf(object);
    const fits = matchesLabelSelector(selector, object.metadata.labels);
    const references = object.metadata.ownerReferences ?? [];
    if (controller?.uid === owner.metadata.uid) {
      if (fits) claimed.push(object);
      else if (!deleting) {
        await setOwners(
          object,
          references.filter((reference) => reference.uid !== owner.metadata.uid),
        );
      }
    } else if (
      controller === undefined &&
      fits &&
      !deleting &&
      object.metadata.deletionTimestamp === undefined
    ) {
      mayAdopt ??= isStillWanted(client, ownerResource, owner);
      if (!(await mayAdopt)) continue;
      const adopted = await setOwners(object, [...references, controllerReference(ownerResource, owner)]);
      if (adopted !== undefined) claimed.push(adopted);
    }
  }
  return claimed;
}

/** The cache may be behind: an owner that is being deleted must not take anything along. */
async function isStillWanted(
  client: Pick<KubeClient, 'get'>,
  resource: Resource<KubeObject>,
  owner: KubeObject,
): Promise<boolean> {
  const { namespace, name, uid } = owner.metadata;
  try {
    const live = await client.get(resource, { namespace, name });
    return live.metadata.uid === uid && live.metadata.deletionTimestamp === undefined;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
