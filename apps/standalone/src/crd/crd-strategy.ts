import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { fallback, records } from '../registry/pod-defaults.ts';
import type { JsonObject, Strategy } from '../registry/types.ts';
import { type FieldError, invalid, notSupported, required } from '../rest/field-error.ts';
import { immutableField } from '../rest/metadata.ts';
import { CLEANUP_FINALIZER } from './crd-object.ts';
import { setCondition } from './crd-status.ts';

function specOf(object: UnknownObject): JsonObject {
  if (!isRecord(object['spec'])) object['spec'] = {};
  return object['spec'] as JsonObject;
}

function namesOf(object: UnknownObject): JsonObject {
  const { names } = specOf(object);
  return isRecord(names) ? names : {};
}

export const crdStrategy: Strategy = {
  generation: true,
  unconditionalUpdate: true,
  plainDeletion: true,
  defaults(object) {
    const spec = specOf(object);
    if (isRecord(spec['names'])) {
      const kind = String(spec['names']['kind'] ?? '');
      if (kind !== '') {
        fallback(spec['names'], 'singular', kind.toLowerCase());
        fallback(spec['names'], 'listKind', `${kind}List`);
      }
    }
    fallback(spec, 'conversion', { strategy: 'None' });
    const conversion = isRecord(spec['conversion']) ? spec['conversion'] : {};
    const webhook = isRecord(conversion['webhook']) ? conversion['webhook'] : {};
    const config = isRecord(webhook['clientConfig']) ? webhook['clientConfig'] : {};
    if (isRecord(config['service'])) fallback(config['service'], 'port', 443);
  },
  initialStatus: (object) => ({
    conditions: null,
    acceptedNames: { plural: '', kind: '' },
    storedVersions: storageVersions(object),
  }),
  prepareForUpdate(next) {
    const status = next['status'];
    if (!isRecord(status)) return;
    const stored = Array.isArray(status['storedVersions']) ? status['storedVersions'].map(String) : [];
    status['storedVersions'] = [...new Set([...stored, ...storageVersions(next)])];
  },
  validate: validateCrd,
  validateUpdate(next, old) {
    const errors: FieldError[] = [];
    for (const field of ['group', 'scope'] as const) {
      const value = specOf(next)[field];
      if (value !== specOf(old)[field]) errors.push(immutableField(`spec.${field}`, value));
    }
    for (const field of ['plural', 'kind'] as const) {
      const value = namesOf(next)[field];
      if (value !== namesOf(old)[field]) errors.push(immutableField(`spec.names.${field}`, value));
    }
    return errors;
  },
  beginDelete(object, { clock }) {
    const finalizers = object.metadata.finalizers ?? [];
    object.metadata.finalizers = [
      ...finalizers.filter((name) => name !== CLEANUP_FINALIZER),
      CLEANUP_FINALIZER,
    ];
    setCondition(object, {
      type: 'Terminating',
      status: 'True',
      lastTransitionTime: rfc3339(clock.now()),
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    });
  },
};

function storageVersions(object: UnknownObject): string[] {
  return records(specOf(object)['versions'])
    .filter((version) => version['storage'] === true)
    .map((version) => String(version['name']));
}

function validateCrd(object: UnknownObject): FieldError[] {
  const spec = specOf(object);
  const names = namesOf(object);
  const errors: FieldError[] = [];
  const full = `${String(names['plural'] ?? '')}.${String(spec['group'] ?? '')}`;
  if (object.metadata.name !== full) {
    errors.push(invalid('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (!spec['group']) errors.push(required('spec.group'));
  else if (!String(spec['group']).includes('.')) {
    errors.push(invalid('spec.group', spec['group'], 'should be a domain with at least one dot'));
  }
  if (spec['scope'] === undefined) errors.push(required('spec.scope'));
  else if (spec['scope'] !== 'Cluster' && spec['scope'] !== 'Namespaced') {
    errors.push(notSupported('spec.scope', spec['scope'], ['Cluster', 'Namespaced']));
  }
  if (!names['plural']) errors.push(required('spec.names.plural'));
  if (!names['kind']) errors.push(required('spec.names.kind'));
  errors.push(...validateVersions(records(spec['versions'])), ...validateConversion(spec));
  return errors;
}

function validateVersions(versions: readonly JsonObject[]): FieldError[] {
  const errors: FieldError[] = [];
  const stored = versions.filter((version) => version['storage'] === true);
  if (stored.length !== 1) {
    errors.push(
      invalid('spec.versions', stored.length, 'must have exactly one version marked as storage version'),
    );
  }
  const seen = new Set<string>();
  versions.forEach((version, index) => {
    const path = `spec.versions[${index}]`;
    const name = String(version['name'] ?? '');
    if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
      errors.push(invalid(`${path}.name`, name, 'must be a DNS-1035 label'));
    }
    if (seen.has(name)) errors.push(invalid(`${path}.name`, name, 'must be unique'));
    seen.add(name);
    const validation = isRecord(version['schema']) ? version['schema'] : {};
    const schema = validation['openAPIV3Schema'];
    const field = `${path}.schema.openAPIV3Schema`;
    if (!isRecord(schema)) errors.push(required(field, 'schemas are required'));
    else if (schema['type'] !== 'object') {
      errors.push(
        schema['type'] === undefined
          ? required(`${field}.type`, 'must not be empty at the root')
          : invalid(`${field}.type`, schema['type'], 'must be object at the root'),
      );
    } else errors.push(...validateStructure(schema, field));
  });
  return errors;
}

/** Every field has a type: only then can unknown fields be told from known ones. */
function validateStructure(schema: JsonObject, path: string): FieldError[] {
  const children: [string, unknown][] = [
    ...Object.entries(isRecord(schema['properties']) ? schema['properties'] : {}).map(
      ([name, child]): [string, unknown] => [`${path}.properties[${name}]`, child],
    ),
    ...(isRecord(schema['items']) ? ([[`${path}.items`, schema['items']]] as [string, unknown][]) : []),
    ...(isRecord(schema['additionalProperties'])
      ? ([[`${path}.additionalProperties`, schema['additionalProperties']]] as [string, unknown][])
      : []),
  ];
  return children.flatMap(([field, child]) => {
    if (!isRecord(child)) return [invalid(field, typeof child, 'must be a schema')];
    const open =
      child['x-kubernetes-preserve-unknown-fields'] === true || child['x-kubernetes-int-or-string'] === true;
    const untyped = child['type'] === undefined && !open;
    const missing = untyped
      ? [required(`${field}.type`, 'must not be empty for specified object fields')]
      : [];
    return [...missing, ...validateStructure(child, field)];
  });
}

function validateConversion(spec: JsonObject): FieldError[] {
  const conversion = isRecord(spec['conversion']) ? spec['conversion'] : {};
  const { strategy } = conversion;
  if (strategy === 'None') return [];
  if (strategy !== 'Webhook')
    return [notSupported('spec.conversion.strategy', strategy, ['None', 'Webhook'])];
  const webhook = isRecord(conversion['webhook']) ? conversion['webhook'] : undefined;
  if (webhook === undefined || !isRecord(webhook['clientConfig'])) {
    return [required('spec.conversion.webhook.clientConfig', 'required when strategy is set to "Webhook"')];
  }
  const errors: FieldError[] = [];
  const config = webhook['clientConfig'];
  const path = 'spec.conversion.webhook';
  if ((config['url'] === undefined) === (config['service'] === undefined)) {
    errors.push(required(`${path}.clientConfig`, 'exactly one of url or service is required'));
  }
  if (config['url'] !== undefined && !URL.canParse(String(config['url']))) {
    errors.push(invalid(`${path}.clientConfig.url`, config['url'], 'url must be a valid URL'));
  } else if (config['url'] !== undefined && !String(config['url']).startsWith('https://')) {
    errors.push(invalid(`${path}.clientConfig.url`, config['url'], "'https' is the only allowed URL scheme"));
  }
  const versions = webhook['conversionReviewVersions'];
  if (!Array.isArray(versions) || versions.length === 0) {
    errors.push(required(`${path}.conversionReviewVersions`));
  } else if (!versions.includes('v1')) {
    errors.push(invalid(`${path}.conversionReviewVersions`, versions, 'must include at least one of v1'));
  }
  return errors;
}
