import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Clock } from '@kubeedge-ts/runtime';
import type { KeyPair } from '../pki.ts';
import type { Backend } from './forward.ts';

/** TCP and TLS together. */
const DIAL_MS = 30_000;
/** A peer that vanished without a word is noticed, however quiet the stream is. */
export const TCP_KEEPALIVE_MS = 30_000;

/** Opens one connection per request to a node. */
export interface NodeTransport {
  /** Starts a request; the caller ends it. Fails with ETIMEDOUT when no connection comes about in time. */
  request(backend: Backend, options: Pick<RequestOptions, 'method' | 'headers'>): ClientRequest;
  close(): void;
}

export interface NodeTransportOptions {
  /** PEM of the CA that kubelets' serving certificates come from. */
  readonly caPem: string;
  /** What this server shows them. */
  readonly client: KeyPair;
  readonly clock: Clock;
}

export function createNodeTransport({ caPem, client, clock }: NodeTransportOptions): NodeTransport {
  // Connections are not kept: one that the node closes in that moment would fail a request that must not be repeated.
  const options = { keepAlive: false } as const;
  const minVersion = 'TLSv1.2';
  const own = createSecureContext({ ca: caPem, cert: client.cert, key: client.key, minVersion });
  const agents = {
    kubelet: new HttpsAgent({ ...options, secureContext: own }),
    // docs/adr/052: only where a client asked for it by insecureSkipTLSVerifyBackend.
    unverified: new HttpsAgent({ ...options, secureContext: own, rejectUnauthorized: false }),
    https: new HttpsAgent({ ...options, secureContext: createSecureContext({ ca: caPem, minVersion }) }),
    http: new HttpAgent(options),
  };

  return {
    request({ host, port, path, transport }, { method, headers }) {
      const call = transport === 'http' ? httpRequest : httpsRequest;
      const request = call({ agent: agents[transport], host, port, path, method, headers });
      const cancel = clock.after(DIAL_MS, () =>
        request.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })),
      );
      request.once('close', cancel);
      request.once('socket', (socket: Socket) => {
        socket.once(transport === 'http' ? 'connect' : 'secureConnect', () => {
          cancel();
          socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
        });
      });
      return request;
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}
