import type { Duplex } from 'node:stream';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import { createRelays } from '@kubeedge-ts/runtime/relay';
import { tooManyRequests } from '../rest/api-error.ts';
import { carryLog } from './carry-log.ts';
import { carryProxy } from './carry-proxy.ts';
import { carryUpgrade } from './carry-upgrade.ts';
import type { Exchange } from './exchange.ts';
import type { Forward } from './forward.ts';
import type { NodeTransport } from './transport.ts';

/** Requests and streams to nodes at a time. */
const MAX_FORWARDED = 1024;

/** Carries requests to nodes. */
export interface Forwarder {
  /**
   * Resolves when the answer has been given or has been broken off.
   * @throws a Status while the client has heard nothing yet
   */
  carry(forward: Forward, exchange: Exchange): Promise<void>;
  /** Ends all upgrades: the HTTP server knows nothing of them any more. */
  close(): void;
}

export interface ForwarderOptions {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limit?: number;
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { transport, clock, log, limit = MAX_FORWARDED } = options;
  const relays = createRelays({ clock, idleMs: 0 });
  const upgrading = new Set<Duplex>();
  const upgrades = { transport, clock, relays };
  let open = 0;

  const carryOut = (forward: Forward, exchange: Exchange): Promise<void> | void => {
    switch (forward.kind) {
      case 'nothing':
        return void exchange.response.writeHead(204).end();
      case 'redirect':
        return void exchange.response.writeHead(301, { Location: forward.location }).end();
      case 'log':
        return carryLog(transport, forward.backend, forward.pod, exchange);
      case 'stream':
        return carryUpgrade(upgrades, forward.backend, exchange);
      case 'proxy':
        return exchange.upgrade === undefined
          ? carryProxy(transport, forward, exchange)
          : carryUpgrade(upgrades, forward.backend, exchange);
    }
  };

  return {
    async carry(forward, exchange) {
      if (open >= limit) throw tooManyRequests();
      open += 1;
      const socket = exchange.upgrade?.socket;
      if (socket !== undefined) upgrading.add(socket);
      try {
        await carryOut(forward, exchange);
      } catch (error) {
        if ('backend' in forward) {
          const { host, port } = forward.backend;
          log.warn({ node: `${host}:${port}`, err: errorText(error) }, 'a node did not take a request');
        }
        throw error;
      } finally {
        open -= 1;
        if (socket !== undefined) upgrading.delete(socket);
      }
    },
    close() {
      relays.close();
      for (const socket of upgrading) socket.destroy();
      transport.close();
    },
  };
}
