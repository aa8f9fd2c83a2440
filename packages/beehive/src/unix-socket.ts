/** The bus over a unix socket, what upstream calls the context type `unixpacket`. */
export { createUnixSocketClient, type RemoteBus } from './unix-socket/client.ts';
export {
  createUnixSocketServer,
  type UnixSocketServer,
  type UnixSocketServerOptions,
} from './unix-socket/server.ts';
