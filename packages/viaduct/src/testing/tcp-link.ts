import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A TCP relay on loopback with a fault switch, for transports that run over TCP. */
export interface TcpLink {
  readonly port: number;
  /** Nothing passes any more in either direction and nobody is told: a half-open link. */
  blackhole(): void;
  /** Ends all present connections with a reset. */
  reset(): void;
  close(): Promise<void>;
}

export async function createTcpLink(targetPort: number): Promise<TcpLink> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    keep(near);
    keep(far);
    near.pipe(far);
    far.pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    blackhole() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.removeAllListeners('data');
        socket.pause();
      }
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
