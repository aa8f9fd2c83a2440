import type { Container, Pod } from '@kubeedge-ts/apis';
import { edgedErrors, errorText } from '@kubeedge-ts/errors';
import { fieldValue, type PodAddresses, resourceFieldValue } from '../pod/field-path.ts';
import { expand } from './expand.ts';
import type { ReadReferenced, ReferencedData } from './referenced.ts';

export interface EnvironmentContext {
  readonly pod: Pod;
  readonly addresses: PodAddresses;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly read: ReadReferenced;
  /** Where the edge's Kubernetes API listens; empty without MetaServer (spec/edged.md §1.3). */
  readonly service: { readonly host: string; readonly port: string };
}

type EnvVar = NonNullable<Container['env']>[number];
type ValueFrom = NonNullable<EnvVar['valueFrom']>;

/** Names that a shell and the API accept. */
const NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/** The container's environment (spec/edged.md §3.5). @throws KubeEdgeError EDGED_CONTAINER_CONFIG */
export async function environmentOf(
  container: Container,
  context: EnvironmentContext,
): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    const [type, ref] = source.configMapRef
      ? (['configmap', source.configMapRef] as const)
      : (['secret', source.secretRef] as const);
    if (ref?.name === undefined) continue;
    const data = await readObject(type, ref.name, ref.optional === true, context);
    for (const [key, value] of data ?? []) {
      const name = `${source.prefix ?? ''}${key}`;
      if (NAME.test(name)) values.set(name, value.toString('utf8'));
    }
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const resolved =
      valueFrom === undefined
        ? expand(value ?? '', (other) => values.get(other))
        : await resolve(valueFrom, container, context);
    if (resolved !== undefined) values.set(name, resolved);
  }
  values.set('KUBERNETES_SERVICE_HOST', context.service.host);
  values.set('KUBERNETES_SERVICE_PORT', context.service.port);
  return values;
}

/** Undefined: an optional source that is not there. */
async function resolve(
  { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef }: ValueFrom,
  container: Container,
  context: EnvironmentContext,
): Promise<string | undefined> {
  if (fieldRef !== undefined) {
    const value = fieldValue(fieldRef.fieldPath, context.pod, context.addresses);
    if (value === undefined) throw problem(`unsupported fieldPath: ${fieldRef.fieldPath}`);
    return value;
  }
  if (resourceFieldRef !== undefined) {
    const of = resourceFieldRef.containerName;
    const source =
      of === undefined ? container : context.pod.spec?.containers.find(({ name }) => name === of);
    const value = source && resourceFieldValue(resourceFieldRef, source, context.allocatable);
    if (value === undefined) throw problem(`unsupported resourceFieldRef: ${resourceFieldRef.resource}`);
    return value;
  }
  const [type, ref] = configMapKeyRef
    ? (['configmap', configMapKeyRef] as const)
    : (['secret', secretKeyRef] as const);
  if (ref?.name === undefined) return '';
  const data = await readObject(type, ref.name, ref.optional === true, context);
  const value = data?.get(ref.key);
  if (value === undefined && ref.optional !== true) {
    const kind = type === 'configmap' ? 'ConfigMap' : 'Secret';
    throw problem(`couldn't find key ${ref.key} in ${kind} ${context.pod.metadata.namespace}/${ref.name}`);
  }
  return value?.toString('utf8');
}

async function readObject(
  type: 'configmap' | 'secret',
  name: string,
  optional: boolean,
  { read }: EnvironmentContext,
): Promise<ReferencedData | undefined> {
  const data = await read(type, name).catch((error: unknown) => {
    throw problem(`${type} "${name}": ${errorText(error)}`, error);
  });
  if (data === undefined && !optional) throw problem(`${type} "${name}" not found`);
  return data;
}

function problem(text: string, cause?: unknown) {
  const details = { reason: 'CreateContainerConfigError', problem: text };
  return edgedErrors.create('EDGED_CONTAINER_CONFIG', details, cause);
}
