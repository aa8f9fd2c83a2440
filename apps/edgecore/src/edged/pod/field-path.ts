import type { Container, Pod } from '@kubeedge-ts/apis';
import { ceil, parseQuantity } from '../quantity.ts';

export interface PodAddresses {
  readonly hostIPs: readonly string[];
  readonly podIPs: readonly string[];
}

const KEYED = /^metadata\.(labels|annotations)\['([^']+)'\]$/;

/** Value of a `fieldRef` (spec/edged.md §3.5, §12.2); undefined for a path nobody defines. */
export function fieldValue(path: string, pod: Pod, addresses: PodAddresses): string | undefined {
  const { metadata, spec } = pod;
  const keyed = KEYED.exec(path);
  if (keyed !== null) {
    const map = keyed[1] === 'labels' ? metadata.labels : metadata.annotations;
    return map !== undefined && Object.hasOwn(map, keyed[2] ?? '') ? map[keyed[2] ?? ''] : '';
  }
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata.labels ?? {});
    case 'metadata.annotations':
      return formatMap(metadata.annotations ?? {});
    case 'spec.nodeName':
      return spec?.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? '';
    case 'status.hostIP':
      return addresses.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return addresses.hostIPs.join(',');
    case 'status.podIP':
      return addresses.podIPs[0] ?? '';
    case 'status.podIPs':
      return addresses.podIPs.join(',');
    default:
      return undefined;
  }
}

/** `key="escaped value"` lines, sorted by key. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

export interface ResourceFieldRef {
  readonly containerName?: string;
  readonly resource: string;
  readonly divisor?: string;
}

/**
 * Value of a `resourceFieldRef`: the quantity divided by the divisor (default 1), rounded up; a missing limit is the
 * node's allocatable. Undefined for a resource nobody defines.
 */
export function resourceFieldValue(
  { resource, divisor }: ResourceFieldRef,
  container: Container,
  allocatable: Readonly<Record<string, string>>,
): string | undefined {
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(resource);
  if (match === null) return undefined;
  const [, kind, name = ''] = match;
  const own = container.resources?.[kind as 'limits' | 'requests']?.[name];
  const fallback = kind === 'limits' ? allocatable[name] : container.resources?.limits?.[name];
  const value = parseQuantity(own ?? fallback) ?? 0;
  const by = parseQuantity(divisor) || 1;
  return String(ceil(value / by));
}
