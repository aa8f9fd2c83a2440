import type { Socket } from 'node:net';
import type { Clock } from '@kubeedge-ts/runtime';

/**
 * Bounds what strangers can hold: sockets that were accepted and have not become a connection, in number and time.
 * A TLS socket and the TCP socket under it have the same remote address and port, which is how they are matched.
 */
export interface PendingHandshakes {
  add(socket: Socket): void;
  /** The handshake on this socket succeeded. */
  done(socket: Socket): void;
  destroyAll(): void;
}

export function createPendingHandshakes(
  clock: Clock,
  limits: { readonly max: number; readonly timeoutMs: number },
): PendingHandshakes {
  const pending = new Map<string, { readonly socket: Socket; readonly cancel: () => void }>();
  const keyOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
  const forget = (key: string): void => {
    pending.get(key)?.cancel();
    pending.delete(key);
  };

  return {
    add(socket) {
      if (pending.size >= limits.max || socket.remotePort === undefined) {
        socket.destroy();
        return;
      }
      const key = keyOf(socket);
      const onClose = (): void => forget(key);
      socket.once('close', onClose);
      const cancelTimer = clock.after(limits.timeoutMs, () => socket.destroy());
      const cancel = (): void => {
        cancelTimer();
        socket.removeListener('close', onClose);
      };
      pending.set(key, { socket, cancel });
    },
    done: (socket) => forget(keyOf(socket)),
    destroyAll() {
      for (const { socket } of pending.values()) socket.destroy();
    },
  };
}
