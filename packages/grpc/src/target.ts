import { connect, type Socket } from 'node:net';
import { grpcErrors } from '@kubeedge-ts/errors';

/** Where the other side listens: a unix socket, or a TCP port that speaks HTTP/2 without TLS. */
export type GrpcTarget = { readonly path: string } | { readonly host: string; readonly port: number };

/** `sun_path` of Linux, less the final NUL; the kernel refuses a longer one with a message that does not say so. */
const MAX_SOCKET_PATH = 107;

/**
 * `unix:///run/x.sock`, `unix:/run/x.sock` or a bare absolute path.
 *
 * @throws KubeEdgeError GRPC_ENDPOINT_INVALID
 */
export function unixTarget(endpoint: string): { readonly path: string } {
  const path = endpoint.replace(/^unix:(\/\/)?/, '');
  if (!path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw grpcErrors.create('GRPC_ENDPOINT_INVALID', { endpoint });
  }
  return { path };
}

export function nameOf(target: GrpcTarget): string {
  if ('path' in target) return `unix://${target.path}`;
  const { host, port } = target;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function open(target: GrpcTarget): Socket {
  return 'path' in target ? connect(target.path) : connect(target.port, target.host);
}

/** The `:authority` of a request. */
export function authorityOf(target: GrpcTarget): string {
  return 'path' in target ? 'localhost' : nameOf(target);
}
