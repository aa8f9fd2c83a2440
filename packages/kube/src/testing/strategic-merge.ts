import { isRecord } from '@kubeedge-ts/apis';

/** The field that identifies an item of the lists Kubernetes merges instead of replacing. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  conditions: 'type',
  addresses: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  imagePullSecrets: 'name',
  secrets: 'name',
  ownerReferences: 'uid',
  ports: 'containerPort',
};

/** Enough of a strategic merge patch for tests: maps, keyed lists, `$patch: delete|replace`, finalizers. */
export function applyStrategicMerge(document: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  if (patch['$patch'] === 'replace') return withoutDirectives(patch);
  const result: Record<string, unknown> = isRecord(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(withoutDirectives(patch))) {
    if (value === null) delete result[key];
    else if (Array.isArray(value)) result[key] = mergeList(key, result[key], value);
    else result[key] = applyStrategicMerge(result[key], value);
  }
  return result;
}

function withoutDirectives(patch: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}

function mergeList(field: string, current: unknown, patch: readonly unknown[]): unknown {
  const existing = Array.isArray(current) ? current : [];
  if (field === 'finalizers') return [...new Set([...existing, ...patch])];
  const key = MERGE_KEYS[field];
  if (key === undefined || !patch.every(isRecord)) return patch;
  const rest = patch.filter((item) => item['$patch'] !== 'replace');
  // as it is, items of one key included
  if (rest.length < patch.length) return rest.map(withoutDirectives);
  let result = [...existing];
  for (const item of rest) {
    const index = result.findIndex((known) => isRecord(known) && known[key] === item[key]);
    if (item['$patch'] === 'delete') result = result.filter((_, position) => position !== index);
    else if (index === -1) result.push(withoutDirectives(item));
    else result[index] = applyStrategicMerge(result[index], item);
  }
  return result;
}
