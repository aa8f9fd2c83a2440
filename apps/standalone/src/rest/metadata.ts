import { isRecord, type ObjectMeta, type UnknownObject } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import type { Random } from '@kubeedge-ts/runtime';
import type { NameRule } from '../registry/types.ts';
import {
  type FieldError,
  forbiddenField,
  invalid,
  invalidLiteral,
  required,
  tooLong,
} from './field-error.ts';
import { labelValueProblems, nameProblems, qualifiedNameProblems } from './name-rules.ts';

/** Characters of generated names: no vowels, so that no words appear. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_GENERATED_BASE = 58;
const ANNOTATIONS_LIMIT = 256 * 1024;

export function generatedName(base: string, random: Random): string {
  return base.slice(0, MAX_GENERATED_BASE) + randomSuffix(random);
}

export function randomSuffix(random: Random): string {
  return Array.from(
    { length: SUFFIX_LENGTH },
    () => SUFFIX_ALPHABET[Math.floor(random.next() * SUFFIX_ALPHABET.length)],
  ).join('');
}

/** Metadata in Kubernetes' usual order of fields, without fields the server alone decides. */
export function createMetadata(
  sent: ObjectMeta,
  decided: Pick<ObjectMeta, 'name' | 'uid' | 'creationTimestamp'> & {
    namespace?: string;
    generation?: number;
  },
): ObjectMeta {
  const {
    uid: _uid,
    resourceVersion: _version,
    generation: _generation,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    namespace: _namespace,
    managedFields: _fields,
    ...kept
  } = sent;
  return { ...kept, ...decided };
}

export function validateMetadata(
  metadata: ObjectMeta,
  rule: NameRule | undefined,
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.generateName !== undefined && metadata.generateName !== '') {
    const base = metadata.generateName.replace(/-$/, 'a');
    for (const problem of nameProblems(base, rule))
      errors.push(invalid('metadata.generateName', metadata.generateName, problem));
  }
  if (metadata.name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else {
    for (const problem of nameProblems(metadata.name, rule))
      errors.push(invalid('metadata.name', metadata.name, problem));
  }
  if (namespaced) {
    for (const problem of nameProblems(metadata.namespace ?? '', 'label'))
      errors.push(invalid('metadata.namespace', metadata.namespace, problem));
  }
  errors.push(...validateLabels(metadata.labels, 'metadata.labels'));
  errors.push(...validateAnnotations(metadata.annotations));
  (metadata.ownerReferences ?? []).forEach((owner, index) => {
    const path = `metadata.ownerReferences[${index}]`;
    if (!owner.apiVersion) errors.push(invalid(`${path}.apiVersion`, '', 'version must not be empty'));
    if (!owner.kind) errors.push(invalid(`${path}.kind`, '', 'kind must not be empty'));
    if (!owner.name) errors.push(invalid(`${path}.name`, '', 'name must not be empty'));
    if (!owner.uid) errors.push(invalid(`${path}.uid`, '', 'uid must not be empty'));
  });
  const controllers = (metadata.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    errors.push(
      invalid(
        'metadata.ownerReferences',
        controllers.length,
        'Only one reference can have Controller set to true',
      ),
    );
  }
  for (const finalizer of metadata.finalizers ?? []) {
    for (const problem of qualifiedNameProblems(finalizer))
      errors.push(invalid('metadata.finalizers', finalizer, problem));
  }
  return errors;
}

export function validateLabels(labels: unknown, path: string): FieldError[] {
  if (!isRecord(labels)) return [];
  return Object.entries(labels).flatMap(([key, value]) => [
    ...qualifiedNameProblems(key).map((problem) => invalid(path, key, problem)),
    ...labelValueProblems(String(value)).map((problem) => invalid(path, value, problem)),
  ]);
}

function validateAnnotations(annotations: Record<string, string> | undefined): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  const errors = entries.flatMap(([key]) =>
    qualifiedNameProblems(key.toLowerCase()).map((problem) => invalid('metadata.annotations', key, problem)),
  );
  const size = entries.reduce((sum, [key, value]) => sum + key.length + String(value).length, 0);
  if (size > ANNOTATIONS_LIMIT) errors.push(tooLong('metadata.annotations', ANNOTATIONS_LIMIT));
  return errors;
}

/** Metadata of an update: what the server decides comes from the stored object. */
export function updatedMetadata(sent: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const next: ObjectMeta = { ...sent, name: old.name };
  for (const key of [
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'generateName',
  ] as const) {
    if (old[key] === undefined) delete next[key];
    else Object.assign(next, { [key]: old[key] });
  }
  return next;
}

/** What an update may not do to metadata. */
export function validateMetadataUpdate(next: UnknownObject, old: UnknownObject): FieldError[] {
  const errors: FieldError[] = [];
  const added = (next.metadata.finalizers ?? []).filter(
    (finalizer) => !(old.metadata.finalizers ?? []).includes(finalizer),
  );
  if (old.metadata.deletionTimestamp !== undefined && added.length > 0) {
    const literal = `[]string{${added.map((name) => JSON.stringify(name)).join(', ')}}`;
    errors.push(
      forbiddenField(
        'metadata.finalizers',
        `no new finalizers can be added if the object is being deleted, found new finalizers ${literal}`,
      ),
    );
  }
  return errors;
}

/** 422 for a field that cannot change, with the value as Go prints it where we can. */
export function immutableField(field: string, value: unknown, literal?: string): FieldError {
  return literal === undefined
    ? invalid(field, value, 'field is immutable')
    : invalidLiteral(field, literal, 'field is immutable');
}

/** Equality of two objects apart from resourceVersion and field ownership. */
export function sameContent(a: UnknownObject, b: UnknownObject): boolean {
  return sameJson(comparable(a), comparable(b));
}

function comparable(object: UnknownObject): unknown {
  const { resourceVersion: _version, managedFields: _fields, ...metadata } = object.metadata;
  return { ...object, metadata };
}
