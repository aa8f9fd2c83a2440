import { type Container, isRecord, type Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { allContainersOf } from '../pod/spec.ts';
import { ANNOTATION } from '../runtime/labels.ts';

/** What hooks need to know of a container. */
export type HookedContainer = Pick<Container, 'name' | 'ports' | 'lifecycle'>;

/**
 * The container as the pod's spec has it. For a pod the store does not know, or a container it no longer has, what the
 * runtime remembers of it: every kubelet writes that down when it creates the container (spec/edged.md §3.4).
 *
 * @throws KubeEdgeError CRI_UNAVAILABLE, CRI_FAILED
 */
export async function hookedContainer(
  cri: Pick<CriClient, 'containerStatus'>,
  pod: Pod,
  name: string,
  containerId: string,
  signal: AbortSignal,
): Promise<HookedContainer> {
  const known = allContainersOf(pod).find((container) => container.name === name);
  if (known !== undefined) return known;
  try {
    const { status } = await cri.containerStatus({ containerId }, { signal });
    return fromAnnotations(name, status?.annotations ?? {});
  } catch (error) {
    if (isKubeEdgeError(error, 'CRI_NOT_FOUND')) return { name };
    throw error;
  }
}

/** What cannot be read is as good as absent: the container must stop all the same. */
export function fromAnnotations(
  name: string,
  annotations: Readonly<Record<string, string>>,
): HookedContainer {
  const preStop = parsed(annotations[ANNOTATION.preStopHandler]);
  const ports = parsed(annotations[ANNOTATION.ports]);
  return {
    name,
    ...(Array.isArray(ports) ? { ports: ports.filter(isRecord) as unknown as Container['ports'] } : {}),
    ...(isRecord(preStop) ? { lifecycle: { preStop } } : {}),
  } as HookedContainer;
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
