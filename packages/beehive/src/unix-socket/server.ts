import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { errorText, type KubeEdgeError, messageErrors } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Bus } from '../bus.ts';
import { serveSession } from './session.ts';

export interface UnixSocketServer {
  /** Ends every connection and removes the socket file. */
  close(): Promise<void>;
}

export interface UnixSocketServerOptions {
  readonly log: Logger;
  /** Default 64. */
  readonly maxConnections?: number;
}

/**
 * Offers a bus to other processes of the same user on a unix socket with mode 0600.
 * A socket file that a killed program left behind is replaced; one that answers is not.
 * @throws KubeEdgeError MESSAGE_BUS_LISTEN
 */
export async function createUnixSocketServer(
  bus: Bus,
  path: string,
  { log, maxConnections = 64 }: UnixSocketServerOptions,
): Promise<UnixSocketServer> {
  await removeStale(path);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serveSession(bus, socket, log);
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(path, cause)));
    // The mode is set by the umask while bind creates the file, which listen does before it returns.
    const before = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
  server.removeAllListeners('error');
  server.on('error', (error) => log.error({ path, err: errorText(error) }, 'unix socket failed'));

  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function removeStale(path: string): Promise<void> {
  // A path that cannot be looked at cannot be bound either, and bind says why.
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw cannotListen(path, new Error('the path is something else than a socket'));
  if (await answers(path)) throw cannotListen(path, new Error('another program listens on it'));
  await unlink(path).catch((cause: unknown) => {
    throw cannotListen(path, cause);
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function cannotListen(path: string, cause: unknown): KubeEdgeError {
  return messageErrors.create('MESSAGE_BUS_LISTEN', { path, problem: errorText(cause) }, cause);
}
