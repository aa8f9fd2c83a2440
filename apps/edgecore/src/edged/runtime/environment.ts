import { isUtf8 } from 'node:buffer';
import type { Container, Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { fieldValue, type PodAddresses, resourceFieldValue } from '../pod/field-path.ts';
import { everyContainerOf } from '../pod/spec.ts';
import { configProblem } from './config-problem.ts';
import { expand } from './expand.ts';
import { identityOf } from './labels.ts';
import type { ReadReferenced, ReferencedData } from './referenced.ts';

export interface EnvironmentContext {
  readonly pod: Pod;
  readonly addresses: PodAddresses;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly read: ReadReferenced;
  /** Variables of the services the pod's containers learn of. */
  readonly services: ReadonlyMap<string, string>;
  /** Where the edge's Kubernetes API listens; empty without MetaServer (spec/edged.md §1.3). */
  readonly service: { readonly host: string; readonly port: string };
}

export interface Environment {
  readonly values: ReadonlyMap<string, string>;
  /** What was left out of `envFrom`, as messages of events. */
  readonly skipped: readonly string[];
}

type EnvVar = NonNullable<Container['env']>[number];
type ValueFrom = NonNullable<EnvVar['valueFrom']>;
type EnvFrom = NonNullable<Container['envFrom']>[number];

/** Names that a shell and the API accept; two dots first would be a path. */
const NAME = /^(?!\.\.?$|\.\.)[-._a-zA-Z][-._a-zA-Z0-9]*$/;
const API_HOST = 'KUBERNETES_SERVICE_HOST';
const API_PORT = 'KUBERNETES_SERVICE_PORT';

/** The container's environment (spec/edged.md §3.5). @throws KubeEdgeError EDGED_CONTAINER_CONFIG */
export async function environmentOf(container: Container, context: EnvironmentContext): Promise<Environment> {
  const values = new Map<string, string>();
  const skipped: string[] = [];
  for (const source of container.envFrom ?? []) {
    const refused = await takeAll(source, values, context);
    if (refused !== undefined) skipped.push(refused);
  }
  // A variable that the container defines hides a service's of that name already while others are expanded.
  const services = new Map(context.services);
  const { host, port } = context.service;
  if (host !== '') services.set(API_HOST, host);
  if (port !== '') services.set(API_PORT, port);
  for (const { name, value = '', valueFrom } of container.env ?? []) {
    services.delete(name);
    const resolved =
      value !== '' || valueFrom === undefined
        ? expand(value, (other) => values.get(other) ?? services.get(other))
        : await resolve(valueFrom, container, context);
    if (resolved !== undefined) values.set(name, resolved);
  }
  for (const [name, value] of services) if (!values.has(name)) values.set(name, value);
  // Not even a variable of the container's own may lead past the edge's API.
  if (host !== '' || !values.has(API_HOST)) values.set(API_HOST, host);
  if (port !== '' || !values.has(API_PORT)) values.set(API_PORT, port);
  return { values, skipped };
}

/** Every key of an object; tells which are no names of variables. */
async function takeAll(
  { configMapRef, secretRef, prefix = '' }: EnvFrom,
  values: Map<string, string>,
  context: EnvironmentContext,
): Promise<string | undefined> {
  const [type, ref] = configMapRef
    ? (['configmap', configMapRef] as const)
    : (['secret', secretRef] as const);
  if (ref?.name === undefined) return undefined;
  const data = await readObject(type, ref.name, ref.optional === true, context);
  const refused: string[] = [];
  for (const [key, value] of data ?? []) {
    const name = `${prefix}${key}`;
    if (NAME.test(name) && isText(value)) values.set(name, value.toString('utf8'));
    else refused.push(name);
  }
  if (refused.length === 0) return undefined;
  const kind = type === 'configmap' ? 'configMap' : 'secret';
  const object = `${kind} ${identityOf(context.pod).namespace}/${ref.name}`;
  return `Keys [${refused.sort().join(', ')}] from the EnvFrom ${object} were skipped since they are considered invalid environment variable names.`;
}

/** Undefined: an optional source that is not there. */
async function resolve(
  { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef }: ValueFrom,
  container: Container,
  context: EnvironmentContext,
): Promise<string | undefined> {
  if (fieldRef !== undefined) {
    const value = fieldValue(fieldRef.fieldPath, context.pod, context.addresses);
    if (value === undefined) throw configProblem(`unsupported fieldPath: ${fieldRef.fieldPath}`);
    return value;
  }
  if (resourceFieldRef !== undefined) {
    const of = resourceFieldRef.containerName;
    const source = of ? everyContainerOf(context.pod).find(({ name }) => name === of) : container;
    if (source === undefined) throw configProblem(`container ${of} not found`);
    const value = resourceFieldValue(resourceFieldRef, source, context.allocatable);
    if (value === undefined)
      throw configProblem(`unsupported container resource: ${resourceFieldRef.resource}`);
    return value;
  }
  const [type, ref] = configMapKeyRef
    ? (['configmap', configMapKeyRef] as const)
    : (['secret', secretKeyRef] as const);
  if (ref?.name === undefined) return '';
  const data = await readObject(type, ref.name, ref.optional === true, context);
  const value = data?.get(ref.key);
  const where = `${type === 'configmap' ? 'ConfigMap' : 'Secret'} ${identityOf(context.pod).namespace}/${ref.name}`;
  if (value === undefined) {
    if (ref.optional === true) return undefined;
    throw configProblem(`couldn't find key ${ref.key} in ${where}`);
  }
  if (!isText(value))
    throw configProblem(`key ${ref.key} in ${where} is not text, a variable cannot hold it`);
  return value.toString('utf8');
}

/** A variable ends at the first zero byte, and the runtime takes valid UTF-8 only. */
function isText(value: Buffer): boolean {
  return isUtf8(value) && !value.includes(0);
}

async function readObject(
  type: 'configmap' | 'secret',
  name: string,
  optional: boolean,
  { read }: EnvironmentContext,
): Promise<ReferencedData | undefined> {
  const data = await read(type, name).catch((error: unknown) => {
    throw configProblem(`${type} "${name}": ${errorText(error)}`, error);
  });
  if (data === undefined && !optional) throw configProblem(`${type} "${name}" not found`);
  return data;
}
