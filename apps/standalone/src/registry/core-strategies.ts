import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import { createInitialNamespaceObjects } from '../admission/namespace-objects.ts';
import { badRequest } from '../rest/api-error.ts';
import { type FieldError, forbiddenField, invalid, required, tooLong } from '../rest/field-error.ts';
import { immutableField } from '../rest/metadata.ts';
import { fallback } from './pod-defaults.ts';
import type { JsonObject, Strategy } from './types.ts';

/** Stored as sent: no defaults, no rules of its own. */
export const plainStrategy: Strategy = { unconditionalUpdate: true };

/** As plain, with a generation. */
export const plainSpecStrategy: Strategy = { unconditionalUpdate: true, generation: true };

const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const DATA_LIMIT = 1024 * 1024;

function validateDataKeys(data: unknown, field: string): FieldError[] {
  if (!isRecord(data)) return [];
  return Object.keys(data).flatMap((key) =>
    DATA_KEY.test(key) && key !== '.' && key !== '..'
      ? []
      : [
          invalid(
            `${field}[${key}]`,
            key,
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
          ),
        ],
  );
}

function validateDataSize(...parts: unknown[]): FieldError[] {
  const size = parts
    .flatMap((part) => (isRecord(part) ? Object.entries(part) : []))
    .reduce((sum, [key, value]) => sum + key.length + String(value).length, 0);
  return size > DATA_LIMIT ? [tooLong('data', DATA_LIMIT)] : [];
}

const IMMUTABLE = 'field is immutable when `immutable` is set';

/** Once `immutable` is set neither it nor the data may change. */
function validateImmutable(next: UnknownObject, old: UnknownObject, fields: readonly string[]): FieldError[] {
  if (old['immutable'] !== true) return [];
  return [
    ...(next['immutable'] === true ? [] : [forbiddenField('immutable', IMMUTABLE)]),
    ...fields
      .filter((field) => !sameJson(next[field], old[field]))
      .map((field) => forbiddenField(field, IMMUTABLE)),
  ];
}

export const configMapStrategy: Strategy = {
  unconditionalUpdate: true,
  validate: (object) => [
    ...validateDataKeys(object['data'], 'data'),
    ...validateDataKeys(object['binaryData'], 'binaryData'),
    ...validateDataSize(object['data'], object['binaryData']),
  ],
  validateUpdate: (next, old) => validateImmutable(next, old, ['data', 'binaryData']),
};

export const secretStrategy: Strategy = {
  unconditionalUpdate: true,
  defaults(object) {
    fallback(object, 'type', 'Opaque');
    if (!isRecord(object['stringData'])) return;
    const encoded = Object.entries(object['stringData']).map(([key, value]) => [
      key,
      Buffer.from(String(value)).toString('base64'),
    ]);
    object['data'] = {
      ...(isRecord(object['data']) && object['data']),
      ...Object.fromEntries(encoded),
    };
    delete object['stringData'];
  },
  validate: (object) => [
    ...validateDataKeys(object['data'], 'data'),
    ...validateDataSize(object['data']),
    ...validateSecretType(object),
  ],
  validateUpdate: (next, old) => [
    ...(next['type'] === old['type'] ? [] : [immutableField('type', next['type'])]),
    ...validateImmutable(next, old, ['data']),
  ],
};

const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

function validateSecretType(secret: UnknownObject): FieldError[] {
  const data = isRecord(secret['data']) ? secret['data'] : {};
  for (const [key, value] of Object.entries(data)) {
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(String(value))) {
      throw badRequest(
        `Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0 of data[${key}]`,
      );
    }
  }
  const keys = REQUIRED_KEYS[String(secret['type'])] ?? [];
  return keys.filter((key) => data[key] === undefined).map((key) => required(`data[${key}]`));
}

const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';

export const namespaceStrategy: Strategy = {
  unconditionalUpdate: true,
  nameRule: 'label',
  plainDeletion: true,
  defaults(object) {
    object.metadata.labels = { ...object.metadata.labels, [NAMESPACE_LABEL]: object.metadata.name };
  },
  prepareForCreate(object) {
    const spec = isRecord(object['spec']) ? object['spec'] : {};
    const finalizers = Array.isArray(spec['finalizers']) ? spec['finalizers'] : [];
    object['spec'] = { finalizers: finalizers.length > 0 ? finalizers : ['kubernetes'] };
  },
  prepareForUpdate(next, old) {
    next['spec'] = structuredClone(old['spec']);
  },
  initialStatus: () => ({ phase: 'Active' }),
  afterCreate: createInitialNamespaceObjects,
  beginDelete(object) {
    const status = isRecord(object['status']) ? object['status'] : {};
    object['status'] = { ...status, phase: 'Terminating' };
  },
  readyToRemove: (object) => {
    const spec = object['spec'];
    return !isRecord(spec) || !Array.isArray(spec['finalizers']) || spec['finalizers'].length === 0;
  },
};

/** A node says its own status when it is created. */
export const nodeStrategy: Strategy = {
  unconditionalUpdate: true,
  initialStatus: 'keep',
  defaults(object) {
    fallback(object, 'spec', {});
    fallback(object, 'status', {});
    const status = object['status'];
    if (isRecord(status) && isRecord(status['capacity'])) {
      fallback(status, 'allocatable', structuredClone(status['capacity']));
    }
  },
};

export const serviceAccountStrategy: Strategy = { unconditionalUpdate: true, returnsDeleted: true };

export const eventStrategy: Strategy = {
  unconditionalUpdate: true,
  validate(object) {
    const about = object['involvedObject'];
    const namespace = isRecord(about) ? String(about['namespace'] ?? '') : '';
    const own = object.metadata.namespace ?? '';
    // Events about cluster-scoped objects live in `default`.
    if (namespace === own || (namespace === '' && own === 'default')) return [];
    return [invalid('involvedObject.namespace', namespace, 'does not match event.namespace')];
  },
};

export const leaseStrategy: Strategy = {
  validate(object) {
    const spec: JsonObject = isRecord(object['spec']) ? object['spec'] : {};
    const seconds = spec['leaseDurationSeconds'];
    return typeof seconds === 'number' && seconds <= 0
      ? [invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
      : [];
  },
};

export const persistentVolumeStrategy: Strategy = {
  unconditionalUpdate: true,
  returnsDeleted: true,
  initialStatus: () => ({ phase: 'Pending' }),
  defaults(object) {
    const { spec } = object;
    if (!isRecord(spec)) return;
    fallback(spec, 'persistentVolumeReclaimPolicy', 'Retain');
    fallback(spec, 'volumeMode', 'Filesystem');
  },
};

export const persistentVolumeClaimStrategy: Strategy = {
  unconditionalUpdate: true,
  returnsDeleted: true,
  initialStatus: () => ({ phase: 'Pending' }),
  defaults(object) {
    if (isRecord(object['spec'])) fallback(object['spec'], 'volumeMode', 'Filesystem');
  },
};

/** Names of roles are path segments: `system:node`. */
export const rbacStrategy: Strategy = { unconditionalUpdate: true, nameRule: 'path-segment' };

export const roleBindingStrategy: Strategy = {
  ...rbacStrategy,
  defaults(object) {
    if (isRecord(object['roleRef'])) fallback(object['roleRef'], 'apiGroup', 'rbac.authorization.k8s.io');
    for (const subject of Array.isArray(object['subjects']) ? object['subjects'] : []) {
      if (!isRecord(subject) || subject['kind'] === 'ServiceAccount') continue;
      fallback(subject, 'apiGroup', 'rbac.authorization.k8s.io');
    }
  },
  validateUpdate: (next, old) =>
    sameJson(next['roleRef'], old['roleRef'])
      ? []
      : [immutableField('roleRef', JSON.stringify(next['roleRef']))],
};
