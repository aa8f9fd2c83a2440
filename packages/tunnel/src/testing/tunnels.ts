import type { Duplex } from 'node:stream';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { admitNode } from '@kubeedge-ts/viaduct';
import { createCredentials, type TestCredentials } from '@kubeedge-ts/viaduct/testing';
import { dialTunnel } from '../edge/dial.ts';
import { listenTunnels } from '../server/listen.ts';
import type {
  DialTunnelOptions,
  EdgeTunnel,
  NodeTunnel,
  StreamTunnel,
  TunnelServer,
  TunnelServerOptions,
} from '../types.ts';

/** A listener on loopback and what it accepted, for one test. */
export interface TunnelBench {
  readonly server: TunnelServer;
  readonly credentials: TestCredentials;
  readonly accepted: readonly NodeTunnel[];
  /** The streams that edges of `dial` were handed, in order. */
  readonly served: readonly Duplex[];
  dial(options?: Partial<DialTunnelOptions>): Promise<EdgeTunnel>;
  /** Dials, and waits for both ends. */
  pair(options?: Partial<DialTunnelOptions>): Promise<{ edge: EdgeTunnel; cloud: StreamTunnel }>;
}

let credentials: Promise<TestCredentials> | undefined;
/** Keys take a moment to make: one set for a test process. */
export const testCredentials = (): Promise<TestCredentials> => (credentials ??= createCredentials(2));

export async function createTunnelBench(
  test: { after(task: () => Promise<void>): void },
  { onTunnel, ...options }: Partial<TunnelServerOptions> & { onTunnel?: (tunnel: NodeTunnel) => void } = {},
): Promise<TunnelBench> {
  const credentials = await testCredentials();
  const accepted: NodeTunnel[] = [];
  const dialled: EdgeTunnel[] = [];
  const served: Duplex[] = [];
  const server = await listenTunnels(
    {
      address: '127.0.0.1',
      port: 0,
      tls: credentials.serverTls,
      admission: admitNode(),
      clock: systemClock,
      log: silentLogger,
      ...options,
    },
    (tunnel) => {
      onTunnel?.(tunnel);
      accepted.push(tunnel);
    },
  );
  test.after(async () => {
    for (const edge of dialled) edge.close('the test is over');
    await server.close();
    await Promise.all(dialled.map((edge) => edge.closed));
  });

  const dial: TunnelBench['dial'] = async (changes = {}) => {
    const nodeName = changes.nodeName ?? 'edge-a';
    const edge = await dialTunnel({
      url: `wss://127.0.0.1:${server.port}`,
      tls: credentials.clientTls(nodeName),
      nodeName,
      internalIp: '192.0.2.10',
      handshakeTimeoutMs: 10_000,
      clock: systemClock,
      log: silentLogger,
      onStream: (stream) => served.push(stream),
      onConnect: () => {
        throw new Error('no frames are expected here');
      },
      ...changes,
    });
    dialled.push(edge);
    return edge;
  };

  return {
    server,
    credentials,
    accepted,
    served,
    dial,
    async pair(changes) {
      const before = accepted.length;
      const edge = await dial(changes);
      await until(() => accepted.length > before);
      const cloud = accepted[before];
      if (cloud?.kind !== 'streams') throw new Error('not the tunnel that was expected');
      return { edge, cloud };
    },
  };
}

/** Waits for a condition; fails after 20 s. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`did not come true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
