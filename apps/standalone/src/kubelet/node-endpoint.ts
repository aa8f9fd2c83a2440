import { BlockList, isIP } from 'node:net';
import type { UnknownObject } from '@kubeedge-ts/apis';
import { apiError } from '../rest/api-error.ts';
import { listAt, numberAt, textAt } from '../table/column.ts';

export interface NodeEndpoint {
  readonly host: string;
  readonly port: number;
}

/** The order in which an API server set up by kubeadm takes the addresses of a node. */
const PREFERRED = ['InternalIP', 'ExternalIP', 'Hostname'];
const KUBELET_PORT = 10_250;

/** Where the kubelet API of a node is, by what its status says. @throws InternalError when it says nothing usable */
export function kubeletEndpoint(node: UnknownObject): NodeEndpoint {
  const addresses = listAt(node, 'status', 'addresses');
  const host = PREFERRED.map((type) => addresses.find((address) => textAt(address, 'type') === type))
    .map((address) => textAt(address, 'address'))
    .find((address) => address !== '');
  if (host === undefined) {
    const known = addresses.map((entry) => `{${textAt(entry, 'type')} ${textAt(entry, 'address')}}`);
    throw apiError({
      code: 500,
      message: `no preferred addresses found; known addresses: [${known.join(' ')}]`,
    });
  }
  const port = numberAt(node, 'status', 'daemonEndpoints', 'kubeletEndpoint', 'Port');
  return { host, port: port > 0 && port <= 65_535 ? port : KUBELET_PORT };
}

const OWN = new BlockList();
OWN.addSubnet('127.0.0.0', 8, 'ipv4');
OWN.addSubnet('169.254.0.0', 16, 'ipv4');
OWN.addSubnet('224.0.0.0', 24, 'ipv4');
OWN.addAddress('0.0.0.0', 'ipv4');
OWN.addAddress('::', 'ipv6');
OWN.addAddress('::1', 'ipv6');
OWN.addSubnet('fe80::', 10, 'ipv6');
OWN.addSubnet('ff01::', 16, 'ipv6');
OWN.addSubnet('ff02::', 16, 'ipv6');

/**
 * Whether any port of an address may be asked through this server. A node writes its own addresses: without this rule
 * it could name this machine's loopback, or the metadata service of its cloud. Names are refused, since what they
 * resolve to may change between the check and the call.
 */
export function isProxyableAddress(host: string): boolean {
  const family = isIP(host);
  return family !== 0 && !OWN.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
