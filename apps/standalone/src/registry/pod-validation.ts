import { isRecord } from '@kubeedge-ts/apis';
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from '../rest/field-error.ts';
import { labelProblems } from '../rest/name-rules.ts';
import { parseQuantity } from '../schema/quantity.ts';
import { records } from './pod-defaults.ts';
import type { JsonObject } from './types.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const ENV_NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/** Findings in a pod spec whose defaults are filled in. `path` is `spec` or `spec.template.spec`. */
export function validatePodSpec(spec: unknown, path: string): FieldError[] {
  const pod = isRecord(spec) ? spec : {};
  const volumes = new Set<string>();
  const errors: FieldError[] = [];
  records(pod['volumes']).forEach((volume, index) => {
    errors.push(...validateName(volume['name'], `${path}.volumes[${index}].name`, volumes));
  });
  const names = new Set<string>();
  const containers = records(pod['containers']);
  if (containers.length === 0) errors.push(required(`${path}.containers`));
  containers.forEach((container, index) => {
    errors.push(...validateContainer(container, `${path}.containers[${index}]`, names, volumes));
  });
  records(pod['initContainers']).forEach((container, index) => {
    errors.push(...validateContainer(container, `${path}.initContainers[${index}]`, names, volumes));
  });
  errors.push(...oneOf(pod['restartPolicy'], RESTART_POLICIES, `${path}.restartPolicy`));
  errors.push(...oneOf(pod['dnsPolicy'], DNS_POLICIES, `${path}.dnsPolicy`));
  const grace = pod['terminationGracePeriodSeconds'];
  if (typeof grace === 'number' && grace < 0) {
    errors.push(
      invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than or equal to 0'),
    );
  }
  const deadline = pod['activeDeadlineSeconds'];
  if (typeof deadline === 'number' && (deadline < 1 || deadline > 2_147_483_647)) {
    errors.push(
      invalid(`${path}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive'),
    );
  }
  return errors;
}

function oneOf(value: unknown, supported: readonly string[], field: string): FieldError[] {
  if (value === undefined || value === '') return [required(field)];
  return supported.includes(String(value)) ? [] : [notSupported(field, value, supported)];
}

function validateName(name: unknown, field: string, seen: Set<string>): FieldError[] {
  if (typeof name !== 'string' || name === '') return [required(field)];
  const problems = labelProblems(name).map((problem) => invalid(field, name, problem));
  if (problems.length > 0) return problems;
  if (seen.has(name)) return [duplicate(field, name)];
  seen.add(name);
  return [];
}

function validateContainer(
  container: JsonObject,
  path: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
): FieldError[] {
  const errors = validateName(container['name'], `${path}.name`, names);
  const image = container['image'];
  if (typeof image !== 'string' || image === '') errors.push(required(`${path}.image`));
  else if (image !== image.trim()) {
    errors.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  }
  const portNames = new Set<string>();
  records(container['ports']).forEach((port, index) => {
    errors.push(...validatePort(port, `${path}.ports[${index}]`, portNames));
  });
  records(container['env']).forEach((env, index) => {
    errors.push(...validateEnv(env, `${path}.env[${index}]`));
  });
  const mountPaths = new Set<unknown>();
  records(container['volumeMounts']).forEach((mount, index) => {
    const field = `${path}.volumeMounts[${index}]`;
    const name = String(mount['name'] ?? '');
    if (name === '') errors.push(required(`${field}.name`));
    else if (!volumes.has(name)) {
      errors.push({
        field: `${field}.name`,
        reason: 'FieldValueNotFound',
        text: `Not found: ${JSON.stringify(name)}`,
      });
    }
    if (!mount['mountPath']) errors.push(required(`${field}.mountPath`));
    else if (mountPaths.has(mount['mountPath'])) {
      errors.push(invalid(`${field}.mountPath`, mount['mountPath'], 'must be unique'));
    }
    mountPaths.add(mount['mountPath']);
  });
  errors.push(...validateResources(container['resources'], `${path}.resources`));
  if (container['imagePullPolicy'] !== undefined) {
    errors.push(...oneOf(container['imagePullPolicy'], PULL_POLICIES, `${path}.imagePullPolicy`));
  }
  return errors;
}

function validatePort(port: JsonObject, path: string, names: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  const inRange = (value: unknown): boolean => typeof value === 'number' && value > 0 && value < 65_536;
  if (port['name'] !== undefined && port['name'] !== '') {
    const name = String(port['name']);
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
  }
  const number = port['containerPort'];
  if (number === undefined || number === 0) errors.push(required(`${path}.containerPort`));
  else if (!inRange(number)) {
    errors.push(invalid(`${path}.containerPort`, number, 'must be between 1 and 65535, inclusive'));
  }
  const host = port['hostPort'];
  if (host !== undefined && host !== 0 && !inRange(host)) {
    errors.push(invalid(`${path}.hostPort`, host, 'must be between 1 and 65535, inclusive'));
  }
  if (!PROTOCOLS.includes(String(port['protocol']))) {
    errors.push(notSupported(`${path}.protocol`, port['protocol'], PROTOCOLS));
  }
  return errors;
}

function validateEnv(env: JsonObject, path: string): FieldError[] {
  const name = String(env['name'] ?? '');
  if (name === '') return [required(`${path}.name`)];
  if (!ENV_NAME.test(name)) {
    return [
      invalid(
        `${path}.name`,
        name,
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')",
      ),
    ];
  }
  const source = env['valueFrom'];
  if (isRecord(source) && env['value'] !== undefined && env['value'] !== '') {
    return [invalid(`${path}.valueFrom`, '', 'may not be specified when `value` is not empty')];
  }
  return [];
}

function validateResources(resources: unknown, path: string): FieldError[] {
  if (!isRecord(resources)) return [];
  const limits = isRecord(resources['limits']) ? resources['limits'] : {};
  const requests = isRecord(resources['requests']) ? resources['requests'] : {};
  const errors: FieldError[] = [];
  for (const [list, values] of [
    ['limits', limits],
    ['requests', requests],
  ] as const) {
    for (const [name, value] of Object.entries(values)) {
      const amount = parseQuantity(String(value));
      if (amount !== undefined && amount < 0n) {
        errors.push(invalid(`${path}.${list}[${name}]`, value, 'must be greater than or equal to 0'));
      }
    }
  }
  for (const [name, value] of Object.entries(requests)) {
    const [request, limit] = [parseQuantity(String(value)), parseQuantity(String(limits[name] ?? ''))];
    if (request !== undefined && limit !== undefined && request > limit) {
      errors.push(
        invalid(`${path}.requests`, value, `must be less than or equal to ${name} limit of ${limits[name]}`),
      );
    }
  }
  return errors;
}

/** What Kubernetes says before it lists the differences. */
const IMMUTABLE_POD =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** The 422 for a change of a pod's spec; `changed` are the top-level fields that differ. */
export function immutablePodSpec(changed: readonly string[]): FieldError {
  return forbiddenField('spec', `${IMMUTABLE_POD}\n  changed: ${changed.join(', ')}\n`);
}
