import { isIP } from 'node:net';
import type { EdgedConfig } from '../config.ts';
import type { Host } from '../host.ts';

export type AddressConfig = Pick<EdgedConfig, 'nodeIP' | 'nodeName'>;

type Family = 4 | 6;
/** `0.0.0.0` and `::` name no address, only the family to look for. */
const UNSPECIFIED: Readonly<Record<string, Family>> = { '0.0.0.0': 4, '::': 6 };

/**
 * The node's own addresses, the first one first (spec/edged.md §2.1): what the configuration says, two of different
 * families with dual stack; else the name itself, what the name resolves to, or the interface of the default route.
 */
export async function addressesOf(
  host: Pick<Host, 'interfaces' | 'resolve' | 'readText'>,
  { nodeIP, nodeName }: AddressConfig,
): Promise<readonly string[]> {
  const wanted = parseNodeIP(nodeIP);
  const given = wanted.filter((ip) => UNSPECIFIED[ip] === undefined);
  if (given.length > 0) return given;
  if (isIP(nodeName) !== 0) return [nodeName];
  const preferred = UNSPECIFIED[wanted[0] ?? ''] ?? 4;
  const own = ownAddresses(host);
  const named = (await host.resolve(nodeName)).filter((address) => own.has(address));
  const found = byFamily(named, preferred)[0];
  if (found !== undefined) return [found];
  for (const family of preferred === 4 ? ([4, 6] as const) : ([6, 4] as const)) {
    const route = await defaultRoute(host, family);
    for (const [address, name] of own) if (name === route && isIP(address) === family) return [address];
  }
  return byFamily([...own.keys()], preferred).slice(0, 1);
}

/** What of the configured text is an address: one, or one of each family. */
export function parseNodeIP(text: string): readonly string[] {
  const [first, second] = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => isIP(part) !== 0);
  if (first === undefined) return [];
  return second === undefined || isIP(first) === isIP(second) ? [first] : [first, second];
}

function byFamily(addresses: readonly string[], preferred: Family): readonly string[] {
  return addresses.toSorted((a, b) => Number(isIP(b) === preferred) - Number(isIP(a) === preferred));
}

/** Addresses that others can reach → interface. */
function ownAddresses(host: Pick<Host, 'interfaces'>): Map<string, string> {
  const own = new Map<string, string>();
  for (const [name, list] of Object.entries(host.interfaces())) {
    for (const { address, internal } of list ?? []) {
      if (!internal && !/^(169\.254\.|fe[89ab])/i.test(address)) own.set(address, name);
    }
  }
  return own;
}

async function defaultRoute(host: Pick<Host, 'readText'>, family: Family): Promise<string | undefined> {
  return family === 4
    ? defaultRouteInterface((await host.readText('/proc/net/route')) ?? '')
    : defaultRouteInterface6((await host.readText('/proc/net/ipv6_route')) ?? '');
}

/** Name of the interface with destination and mask 0 in `/proc/net/route`. */
export function defaultRouteInterface(table: string): string | undefined {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .find(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')?.[0];
}

/** The same of `/proc/net/ipv6_route`; the kernel's own entry that rejects everything is none. */
export function defaultRouteInterface6(table: string): string | undefined {
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(
      ([destination, length, ...rest]) =>
        /^0{32}$/.test(destination ?? '') && length === '00' && rest[7] !== 'lo',
    )
    ?.at(9);
}
