import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { internalError } from '../rest/api-error.ts';
import { type FieldError, invalid, notSupported, required } from '../rest/field-error.ts';
import { immutableField } from '../rest/metadata.ts';
import { fallback, records } from './pod-defaults.ts';
import type { JsonObject, Strategy, StrategyContext } from './types.ts';

/** Addresses of services: 10.96.0.0/16; the first belongs to `kubernetes`. */
export const API_SERVICE_IP = '10.96.0.1';
const FIRST_NODE_PORT = 30_000;
const NODE_PORTS = 2768;
const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

function specOf(object: UnknownObject): JsonObject {
  return isRecord(object['spec']) ? object['spec'] : {};
}

function needsAddress(spec: JsonObject): boolean {
  return spec['type'] !== 'ExternalName' && (spec['clusterIP'] === undefined || spec['clusterIP'] === '');
}

function allocateAddress({ store, random }: StrategyContext): string {
  const used = new Set(store.list('services').map((entry) => specOf(entry.object)['clusterIP']));
  for (let attempt = 0; attempt < 65_536; attempt++) {
    const number = 2 + Math.floor(random.next() * 65_532);
    const address = `10.96.${number >> 8}.${number & 255}`;
    if (!used.has(address)) return address;
  }
  throw internalError('failed to allocate a serviceIP: range is full');
}

function allocateNodePorts(object: UnknownObject, { store, random }: StrategyContext): void {
  const { type } = specOf(object);
  if (type !== 'NodePort' && type !== 'LoadBalancer') return;
  const used = new Set(
    store
      .list('services')
      .flatMap((entry) => records(specOf(entry.object)['ports']).map((p) => p['nodePort'])),
  );
  for (const port of records(specOf(object)['ports'])) {
    if (port['nodePort']) continue;
    if (used.size >= NODE_PORTS) throw internalError('failed to allocate a nodePort: range is full');
    let number: number;
    do number = FIRST_NODE_PORT + Math.floor(random.next() * NODE_PORTS);
    while (used.has(number));
    port['nodePort'] = number;
    used.add(number);
  }
}

function validateService(object: UnknownObject): FieldError[] {
  const spec = specOf(object);
  const errors: FieldError[] = [];
  const ports = records(spec['ports']);
  if (ports.length === 0 && spec['clusterIP'] !== 'None' && spec['type'] !== 'ExternalName') {
    errors.push(required('spec.ports'));
  }
  ports.forEach((port, index) => {
    const path = `spec.ports[${index}]`;
    if (ports.length > 1 && !port['name']) errors.push(required(`${path}.name`));
    const number = port['port'];
    if (typeof number !== 'number' || number < 1 || number > 65_535) {
      errors.push(invalid(`${path}.port`, number ?? 0, 'must be between 1 and 65535, inclusive'));
    }
  });
  if (!TYPES.includes(String(spec['type']))) errors.push(notSupported('spec.type', spec['type'], TYPES));
  if (spec['type'] === 'ExternalName' && !spec['externalName']) errors.push(required('spec.externalName'));
  return errors;
}

export const serviceStrategy: Strategy = {
  unconditionalUpdate: true,
  returnsDeleted: true,
  nameRule: 'service',
  initialStatus: () => ({ loadBalancer: {} }),
  defaults(object) {
    if (!isRecord(object['spec'])) object['spec'] = {};
    const spec = specOf(object);
    fallback(spec, 'type', 'ClusterIP');
    fallback(spec, 'sessionAffinity', 'None');
    if (spec['type'] !== 'ExternalName') fallback(spec, 'internalTrafficPolicy', 'Cluster');
    if (spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer') {
      fallback(spec, 'externalTrafficPolicy', 'Cluster');
    }
    if (spec['type'] === 'LoadBalancer') fallback(spec, 'allocateLoadBalancerNodePorts', true);
    for (const port of records(spec['ports'])) {
      fallback(port, 'protocol', 'TCP');
      fallback(port, 'targetPort', port['port']);
    }
  },
  prepareForCreate(object, context) {
    const spec = specOf(object);
    if (needsAddress(spec)) spec['clusterIP'] = allocateAddress(context);
    if (spec['type'] !== 'ExternalName') {
      spec['clusterIPs'] = [spec['clusterIP']];
      fallback(spec, 'ipFamilies', ['IPv4']);
      fallback(spec, 'ipFamilyPolicy', 'SingleStack');
    }
    allocateNodePorts(object, context);
  },
  prepareForUpdate(next, old, context) {
    const [spec, before] = [specOf(next), specOf(old)];
    if (spec['type'] === 'ExternalName') {
      for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) delete spec[field];
      return;
    }
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
      if (spec[field] === undefined && before[field] !== undefined) spec[field] = before[field];
    }
    if (needsAddress(spec)) spec['clusterIP'] = allocateAddress(context);
    spec['clusterIPs'] ??= [spec['clusterIP']];
    allocateNodePorts(next, context);
  },
  validate: validateService,
  validateUpdate(next, old) {
    const [after, before] = [specOf(next), specOf(old)];
    const moved = before['clusterIP'] !== undefined && after['clusterIP'] !== before['clusterIP'];
    return moved && after['type'] !== 'ExternalName'
      ? [immutableField('spec.clusterIP', after['clusterIP'])]
      : [];
  },
};
