import type { Admission, Connection, DialOptions, Server, TlsMaterial, Transport } from '../types.ts';

/** What the compliance suite needs of a transport. */
export interface TransportUnderTest {
  readonly transport: Transport;
  readonly serverTls: TlsMaterial;
  /** Credentials of that node, from the CA the server trusts. */
  clientTls(nodeName: string): TlsMaterial;
  /** Credentials from a CA the server does not know, and a server that clients do not trust. */
  readonly foreignTls: TlsMaterial;
  url(port: number, nodeName: string): string;
  /** A relay in front of a server port. */
  link(port: number): Promise<FaultyLink>;
}

export interface FaultyLink {
  readonly port: number;
  /** Nothing passes any more in either direction and nobody is told: a half-open link. */
  blackhole(): void;
  /** Ends all present connections with a reset. */
  reset(): void;
  close(): Promise<void>;
}

export const MIB = 1_048_576;
export const MAX_FRAME = 33 * MIB;
export const acceptAll: Admission = () => ({ accept: true });

/** One server and the connections of one test. */
export interface Bench {
  readonly server: Server;
  /** Connections the server accepted, in order. */
  readonly accepted: Connection[];
  dial(nodeName?: string, options?: Partial<DialOptions> & { readonly port?: number }): Promise<Connection>;
  /** Dials and returns both ends. */
  pair(
    nodeName?: string,
    options?: Partial<DialOptions> & { readonly port?: number },
  ): Promise<{ client: Connection; server: Connection }>;
  link(): Promise<FaultyLink>;
  /** Called by itself at the end; may be called earlier. */
  dispose(): Promise<void>;
}

export interface BenchOptions {
  readonly admission?: Admission;
  readonly maxFrameBytes?: number;
  readonly maxBufferedBytes?: number;
  readonly headers?: () => Readonly<Record<string, string>>;
}

/** Ends with its test, also with one that fails. */
export async function createBench(
  test: { after(task: () => Promise<void>): void },
  subject: TransportUnderTest,
  options: BenchOptions = {},
): Promise<Bench> {
  const { transport, serverTls } = subject;
  const accepted: Connection[] = [];
  const dialled: Connection[] = [];
  const links: FaultyLink[] = [];
  const server = await transport.listen(
    {
      address: '127.0.0.1',
      port: 0,
      tls: serverTls,
      maxFrameBytes: options.maxFrameBytes ?? MAX_FRAME,
      ...(options.maxBufferedBytes === undefined ? {} : { maxBufferedBytes: options.maxBufferedBytes }),
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    },
    options.admission ?? acceptAll,
    (connection) => accepted.push(connection),
  );
  const dial: Bench['dial'] = async (nodeName = 'edge-1', { port = server.port, ...changes } = {}) => {
    const connection = await transport.dial({
      url: subject.url(port, nodeName),
      tls: subject.clientTls(nodeName),
      nodeName,
      projectId: 'project',
      maxFrameBytes: MAX_FRAME,
      handshakeTimeoutMs: 10_000,
      ...changes,
    });
    dialled.push(connection);
    return connection;
  };
  let disposed: Promise<void> | undefined;
  const dispose = async (): Promise<void> => {
    for (const connection of dialled) connection.close();
    await server.close();
    for (const link of links) await link.close();
  };
  const bench: Bench = {
    server,
    accepted,
    dial,
    async pair(nodeName, changes) {
      const before = accepted.length;
      const client = await dial(nodeName, changes);
      await until(() => accepted.length > before);
      return { client, server: accepted[before] as Connection };
    },
    async link() {
      const link = await subject.link(server.port);
      links.push(link);
      return link;
    },
    dispose: () => {
      disposed ??= dispose();
      return disposed;
    },
  };
  test.after(bench.dispose);
  return bench;
}

/** Waits for a condition; fails after 20 s. */
export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not come true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Collects the frames a connection receives. */
export function collect(connection: Connection): string[] {
  const frames: string[] = [];
  connection.start((text) => {
    frames.push(text);
  });
  return frames;
}
