import type { Pod } from '@kubeedge-ts/apis';
import { mainContainersOf } from '../pod/spec.ts';

interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const ANY = '0.0.0.0';

/** Whether the pod asks for a port of the host that another pod holds. */
export function portsConflict(pod: Pod, others: readonly Pod[]): boolean {
  const wanted = hostPortsOf(pod);
  if (wanted.length === 0) return false;
  const taken = others.flatMap(hostPortsOf);
  return wanted.some((one) => taken.some((other) => clash(one, other)));
}

function clash(a: HostPort, b: HostPort): boolean {
  const sameAddress = a.ip === b.ip || a.ip === ANY || b.ip === ANY;
  return sameAddress && a.port === b.port && a.protocol === b.protocol;
}

function hostPortsOf(pod: Pod): HostPort[] {
  return mainContainersOf(pod).flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort = 0, hostIP, protocol }) =>
      hostPort > 0 ? [{ ip: hostIP || ANY, protocol: protocol || 'TCP', port: hostPort }] : [],
    ),
  );
}
