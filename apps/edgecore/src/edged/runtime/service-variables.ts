import { isIPv6 } from 'node:net';
import type { Service } from '@kubeedge-ts/apis';

/** The one service whose address every container learns, wherever its pod is. */
const MASTER = { namespace: 'default', name: 'kubernetes' };

/** Which services a pod's containers learn of: those of its namespace if it wants them, and the cluster's API. */
export function servicesFor(
  namespace: string,
  links: boolean,
  own: readonly Service[],
  ofDefault: readonly Service[],
): readonly Service[] {
  const master = ofDefault.filter(({ metadata }) => metadata.name === MASTER.name);
  if (!links) return master;
  // One of the pod's own namespace that is called the same goes first.
  return namespace === MASTER.namespace ? own : [...master, ...own];
}

/** Variables by which containers find services, as Docker's links had them (spec/edged.md §3.5). */
export function serviceVariables(services: readonly Service[]): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const { metadata, spec } of services) {
    const { clusterIP = '', ports = [] } = spec ?? {};
    const [first] = ports;
    if (clusterIP === '' || clusterIP === 'None' || first === undefined) continue;
    const prefix = variableName(metadata.name);
    const host = isIPv6(clusterIP) ? `[${clusterIP}]` : clusterIP;
    variables.set(`${prefix}_SERVICE_HOST`, clusterIP);
    variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
    variables.set(`${prefix}_PORT`, urlOf(first, host));
    for (const port of ports) {
      const { name, protocol = 'TCP' } = port;
      if (name) variables.set(`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port.port));
      const link = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
      variables.set(link, urlOf(port, host));
      variables.set(`${link}_PROTO`, protocol.toLowerCase());
      variables.set(`${link}_PORT`, String(port.port));
      variables.set(`${link}_ADDR`, clusterIP);
    }
  }
  return variables;
}

function urlOf({ protocol = 'TCP', port }: { protocol?: string; port: number }, host: string): string {
  return `${protocol.toLowerCase()}://${host}:${port}`;
}

/** `my-db` → `MY_DB` */
function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
