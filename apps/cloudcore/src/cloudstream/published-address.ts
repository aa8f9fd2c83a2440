import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface LocalAddress {
  readonly address: string;
  /** Only this machine reaches it. */
  readonly loopback: boolean;
}

export interface AddressInputs {
  /** `modules.cloudStream.address`. */
  readonly configured: string;
  /** Of the connection to the API server, on this side; undefined: not known. */
  readonly towardsApi: string | undefined;
  /** `modules.cloudHub.advertiseAddress`. */
  readonly advertised: readonly string[];
  readonly local: readonly LocalAddress[];
}

export interface AddressChoice {
  readonly address: string;
  /** Completes "the API server is to find the edge nodes at …: ". */
  readonly reason: string;
}

/** Where the API server is told to find the edge nodes. */
export function chooseAddress({ configured, towardsApi, advertised, local }: AddressInputs): AddressChoice {
  if (configured !== '') return { address: configured, reason: 'modules.cloudStream.address says so' };
  const isLoopback = (address: string): boolean =>
    local.some((own) => own.address === address && own.loopback) || /^(127\.|::1$)/.test(address);
  if (towardsApi !== undefined && !isLoopback(towardsApi)) {
    return { address: towardsApi, reason: 'it is the address cloudcore itself talks to the API server from' };
  }
  const own = advertised.find((address) =>
    local.some((known) => known.address === address && !known.loopback),
  );
  const machine = 'the API server is on this machine';
  if (own !== undefined) {
    return {
      address: own,
      reason: `${machine}, and cloudHub.advertiseAddress names it as one of its addresses`,
    };
  }
  const first = local.find(({ address, loopback }) => !loopback && !/^fe80:/i.test(address));
  if (first !== undefined) return { address: first.address, reason: `${machine}, whose first address it is` };
  return { address: towardsApi ?? '127.0.0.1', reason: `${machine}, which has no other address` };
}

export function localAddresses(): readonly LocalAddress[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  // IPv4 first: what else there is need not be routed
  return all
    .toSorted((a, b) => Number(a.family === 'IPv6') - Number(b.family === 'IPv6'))
    .map(({ address, internal }) => ({ address, loopback: internal }));
}

const DIAL_MS = 5_000;

/** Both ends of a connection. */
export interface Way {
  readonly from: string;
  readonly to: string;
}

/** How `server` is reached from this machine; undefined: it is not reached now. */
export function wayTo(server: URL, signal: AbortSignal): Promise<Way | undefined> {
  return new Promise((resolve) => {
    const host = server.hostname.replace(/^\[|\]$/g, '');
    const port = Number(server.port || (server.protocol === 'https:' ? 443 : 80));
    const socket = connect({ host, port, timeout: DIAL_MS, signal });
    const finish = (way?: Way): void => {
      resolve(way);
      socket.destroy();
    };
    socket.once('connect', () => {
      const [from, to] = [socket.localAddress, socket.remoteAddress].map(plainAddress);
      finish(from === undefined || to === undefined ? undefined : { from, to });
    });
    socket.once('timeout', () => finish());
    socket.on('error', () => finish());
  });
}

/** Without the prefix of an IPv4 address on a socket for both. */
function plainAddress(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/, '');
}
