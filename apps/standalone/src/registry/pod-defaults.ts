import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import type { JsonObject } from './types.ts';

/** Writes `value` where nothing was given. */
export function fallback(object: JsonObject, field: string, value: unknown): void {
  if (object[field] === undefined) object[field] = value;
}

export function records(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

const DEFAULT_MODE = 0o644;

/** Defaults of a pod: those of every pod spec and the ones only pods get. */
export function defaultPod(pod: UnknownObject): void {
  if (!isRecord(pod['spec'])) pod['spec'] = { containers: [] };
  const spec = pod['spec'] as JsonObject;
  defaultPodSpec(spec);
  fallback(spec, 'enableServiceLinks', true);
  for (const container of [...records(spec['containers']), ...records(spec['initContainers'])]) {
    defaultRequests(container);
    if (spec['hostNetwork'] === true) {
      for (const port of records(container['ports'])) fallback(port, 'hostPort', port['containerPort']);
    }
  }
}

/** Defaults of a pod template, as workloads carry it. */
export function defaultPodTemplate(owner: JsonObject): void {
  if (!isRecord(owner['template'])) return;
  const template = owner['template'];
  const metadata = isRecord(template['metadata']) ? template['metadata'] : {};
  // Go writes the empty creation time of a template as null.
  template['metadata'] = { creationTimestamp: null, ...metadata };
  if (!isRecord(template['spec'])) template['spec'] = { containers: [] };
  defaultPodSpec(template['spec'] as JsonObject);
}

function defaultPodSpec(spec: JsonObject): void {
  fallback(spec, 'restartPolicy', 'Always');
  fallback(spec, 'terminationGracePeriodSeconds', 30);
  fallback(spec, 'dnsPolicy', 'ClusterFirst');
  fallback(spec, 'securityContext', {});
  fallback(spec, 'schedulerName', 'default-scheduler');
  // The two names of the service account field mirror each other.
  const account = spec['serviceAccountName'] ?? spec['serviceAccount'];
  if (account !== undefined) Object.assign(spec, { serviceAccountName: account, serviceAccount: account });
  for (const container of records(spec['containers'])) defaultContainer(container);
  for (const container of records(spec['ephemeralContainers'])) defaultContainer(container);
  for (const container of records(spec['initContainers'])) defaultContainer(container);
  for (const volume of records(spec['volumes'])) defaultVolume(volume);
}

function defaultContainer(container: JsonObject): void {
  fallback(container, 'resources', {});
  fallback(container, 'terminationMessagePath', '/dev/termination-log');
  fallback(container, 'terminationMessagePolicy', 'File');
  if (container['imagePullPolicy'] === undefined && typeof container['image'] === 'string') {
    container['imagePullPolicy'] = isLatest(container['image']) ? 'Always' : 'IfNotPresent';
  }
  for (const port of records(container['ports'])) fallback(port, 'protocol', 'TCP');
  for (const env of records(container['env'])) {
    const source = isRecord(env['valueFrom']) ? env['valueFrom'] : {};
    if (isRecord(source['fieldRef'])) fallback(source['fieldRef'], 'apiVersion', 'v1');
    if (isRecord(source['resourceFieldRef'])) fallback(source['resourceFieldRef'], 'divisor', '0');
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container[name];
    if (isRecord(probe)) defaultProbe(probe);
  }
  const lifecycle = isRecord(container['lifecycle']) ? container['lifecycle'] : {};
  for (const hook of [lifecycle['postStart'], lifecycle['preStop']]) {
    if (isRecord(hook)) defaultHttpGet(hook['httpGet']);
  }
}

/** No tag, or `latest`; a digest is never latest. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const last = image.slice(image.lastIndexOf('/') + 1);
  const tag = last.includes(':') ? last.slice(last.indexOf(':') + 1) : 'latest';
  return tag === 'latest';
}

function defaultProbe(probe: JsonObject): void {
  fallback(probe, 'timeoutSeconds', 1);
  fallback(probe, 'periodSeconds', 10);
  fallback(probe, 'successThreshold', 1);
  fallback(probe, 'failureThreshold', 3);
  defaultHttpGet(probe['httpGet']);
  if (isRecord(probe['grpc'])) fallback(probe['grpc'], 'service', '');
}

function defaultHttpGet(get: unknown): void {
  if (!isRecord(get)) return;
  fallback(get, 'path', '/');
  fallback(get, 'scheme', 'HTTP');
}

/** A limit without a request is a request too. */
function defaultRequests(container: JsonObject): void {
  const resources = container['resources'];
  if (!isRecord(resources) || !isRecord(resources['limits'])) return;
  const requests = isRecord(resources['requests']) ? resources['requests'] : {};
  resources['requests'] = { ...resources['limits'], ...requests };
}

function defaultVolume(volume: JsonObject): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  if (sources.length === 0) volume['emptyDir'] = {};
  for (const source of ['secret', 'configMap', 'projected', 'downwardAPI']) {
    const value = volume[source];
    if (isRecord(value)) fallback(value, 'defaultMode', DEFAULT_MODE);
  }
  if (isRecord(volume['hostPath'])) fallback(volume['hostPath'], 'type', '');
  const downward = isRecord(volume['downwardAPI']) ? [volume['downwardAPI']] : [];
  const projected = isRecord(volume['projected']) ? records(volume['projected']['sources']) : [];
  for (const source of projected) {
    if (isRecord(source['serviceAccountToken']))
      fallback(source['serviceAccountToken'], 'expirationSeconds', 3600);
    if (isRecord(source['downwardAPI'])) downward.push(source['downwardAPI']);
  }
  for (const item of downward.flatMap((source) => records(source['items']))) {
    if (isRecord(item['fieldRef'])) fallback(item['fieldRef'], 'apiVersion', 'v1');
    if (isRecord(item['resourceFieldRef'])) fallback(item['resourceFieldRef'], 'divisor', '0');
  }
}
