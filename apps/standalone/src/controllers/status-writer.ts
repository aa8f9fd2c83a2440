import type { KubeObject, Resource } from '@kubeedge-ts/apis';
import { createMergePatch, isNotFound, type KubeClient } from '@kubeedge-ts/kube';

/**
 * Writes the difference between the status an object has and the one it should have; true when there was one. With
 * `exact`, for a status others write too, it fails with a conflict when the object is no longer the one looked at.
 */
export async function writeStatus<T extends KubeObject & { status?: object }>(
  client: Pick<KubeClient, 'patch'>,
  resource: Resource<T>,
  object: T,
  status: object,
  { exact = false } = {},
): Promise<boolean> {
  const difference = createMergePatch(object.status ?? {}, status);
  if (difference === undefined) return false;
  const { namespace, name, uid, resourceVersion } = object.metadata;
  const body = { metadata: exact ? { uid, resourceVersion } : { uid }, status: difference };
  try {
    await client.patch(resource, { namespace, name }, { type: 'merge', body }, { subresource: 'status' });
    return true;
  } catch (error) {
    // Gone in the meantime: its deletion is an event of its own.
    if (isNotFound(error)) return false;
    throw error;
  }
}
