import { isRecord, type Pod } from '@kubeedge-ts/apis';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import { podText } from './labels.ts';

/**
 * The runtime's handler that the pod's RuntimeClass names; empty for the default one.
 * @throws EDGED_POD_CONFIG when there is no such class, or it cannot be had now; tried again
 */
export async function runtimeHandlerOf(pod: Pod, meta: Pick<MetaClient, 'getObject'>): Promise<string> {
  const name = pod.spec?.runtimeClassName ?? '';
  if (name === '') return '';
  const found = await meta.getObject('runtimeclass', undefined, name).catch((error: unknown) => {
    throw failed(pod, `failed to lookup RuntimeClass ${name}`, error);
  });
  if (found === undefined) throw failed(pod, `runtimeclass.node.k8s.io "${name}" not found`);
  return handlerIn(found);
}

/** Before `node.k8s.io/v1beta1` the handler was in the spec. */
function handlerIn(runtimeClass: Readonly<Record<string, unknown>>): string {
  const { handler, spec } = runtimeClass as { handler?: unknown; spec?: unknown };
  if (typeof handler === 'string') return handler;
  return isRecord(spec) && typeof spec['runtimeHandler'] === 'string' ? spec['runtimeHandler'] : '';
}

function failed(pod: Pod, why: string, cause?: unknown) {
  const problem = `Failed to create sandbox for pod "${podText(pod)}": ${why}`;
  return edgedErrors.create(
    'EDGED_POD_CONFIG',
    { pod: pod.metadata.name, problem, reason: 'FailedCreatePodSandBox' },
    cause,
  );
}
