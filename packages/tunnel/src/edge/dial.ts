import { type IncomingMessage, request } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import { errorText, isKubeEdgeError, tunnelErrors } from '@kubeedge-ts/errors';
import { CIPHERS, isTlsFailure, MIN_TLS_VERSION, type TlsMaterial } from '@kubeedge-ts/viaduct';
import { upgradeToFrames } from '../frames/upgrade.ts';
import { CONNECT_PATH, HOST_NAME_HEADER, INTERNAL_IP_HEADER, STREAMS_PROTOCOL } from '../protocol.ts';
import { createEdgeStreams } from '../streams/edge-end.ts';
import type { DialTunnelOptions, EdgeTunnel } from '../types.ts';
import { readRefusal } from './refusal.ts';
import type { Upgrade } from './upgrade.ts';

const DEFAULT_PORT = '10004';

/**
 * Dials the cloud's tunnel listener. TLS tells whether it is one of ours (ALPN); else upstream's protocol is spoken on
 * the same connection. @throws KubeEdgeError TUNNEL_REFUSED, TUNNEL_UNREACHABLE, TUNNEL_TLS; the signal's reason
 */
export async function dialTunnel(options: DialTunnelOptions): Promise<EdgeTunnel> {
  const { clock, signal, handshakeTimeoutMs } = options;
  const target = targetOf(options.url);
  signal?.throwIfAborted();
  const socket = openTls(target, options.tls);
  const failed = Promise.withResolvers<never>();
  const abandon = (error: unknown): void => {
    failed.reject(error);
    socket.destroy();
  };
  /** The server has refused; that it hangs up then is no news. */
  let refused = false;
  const onRefusal = (response: IncomingMessage): void => {
    refused = true;
    void readRefusal(response, target.host).then(abandon);
  };
  const onAbort = (): void => abandon(signal?.reason);
  const onError = (error: Error): void => {
    if (!refused) abandon(error);
  };
  const onClose = (): void => onError(new Error('the connection was closed during the handshake'));
  const cancelTimer = clock.after(handshakeTimeoutMs, () =>
    abandon(new Error(`no answer within ${handshakeTimeoutMs} ms`)),
  );
  signal?.addEventListener('abort', onAbort, { once: true });
  socket.on('error', onError);
  socket.on('close', onClose);
  failed.promise.catch(() => undefined);

  try {
    await Promise.race([secured(socket), failed.promise]);
    socket.setNoDelay(true);
    const headers = {
      [HOST_NAME_HEADER]: options.nodeName,
      ...(options.internalIp === '' ? {} : { [INTERNAL_IP_HEADER]: options.internalIp }),
    };
    const upgrade = socket.alpnProtocol === STREAMS_PROTOCOL ? upgradeToStreams : upgradeToFrames;
    const upgraded = upgrade({ socket, target, headers, onError, onRefusal }, options);
    return await Promise.race([upgraded, failed.promise]);
  } catch (error) {
    socket.destroy();
    signal?.throwIfAborted();
    throw classify(target.host, error);
  } finally {
    cancelTimer();
    signal?.removeEventListener('abort', onAbort);
    socket.off('error', onError);
    socket.off('close', onClose);
    // a socket that was given up may report once more
    socket.on('error', () => undefined);
  }
}

/** @throws KubeEdgeError TUNNEL_TLS for material that is none */
function openTls(target: URL, tls: TlsMaterial): TLSSocket {
  try {
    return connect({
      host: target.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(target.port),
      ...tls,
      minVersion: MIN_TLS_VERSION,
      ciphers: CIPHERS,
      ALPNProtocols: [STREAMS_PROTOCOL, 'http/1.1'],
    });
  } catch (error) {
    throw tunnelErrors.create('TUNNEL_TLS', { url: target.host, problem: errorText(error) }, error);
  }
}

function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('secureConnect', () => resolve()));
}

/** The tunnel is made in the turn of the answer: nothing that follows it may be missed. */
function upgradeToStreams(
  { socket, target, headers, onError, onRefusal }: Upgrade,
  { onStream, nodeName: node, clock, log }: DialTunnelOptions,
): Promise<EdgeTunnel> {
  const { promise, resolve } = Promise.withResolvers<EdgeTunnel>();
  const asking = request({
    path: CONNECT_PATH,
    headers: { Host: target.host, ...headers, Connection: 'Upgrade', Upgrade: STREAMS_PROTOCOL },
    createConnection: () => socket,
  });
  asking.on('upgrade', (_response: IncomingMessage, _socket, head: Buffer) => {
    if (head.length > 0) socket.unshift(head);
    // as on the cloud's side: HTTP/2 must not find a write of ours under way
    const begin = (): void => {
      if (!socket.destroyed) resolve(createEdgeStreams(socket, onStream, { node, clock, log }));
    };
    if (asking.writableFinished) begin();
    else asking.once('finish', begin);
  });
  asking.on('response', onRefusal);
  asking.on('error', onError);
  asking.end();
  return promise;
}

/** @throws KubeEdgeError TUNNEL_UNREACHABLE */
function targetOf(url: string): URL {
  // a scheme with a default port would swallow it
  const target = URL.parse(url.replace(/^(\w+:\/\/)?/, 'tunnel://'));
  if (target === null || target.hostname === '')
    throw tunnelErrors.create('TUNNEL_UNREACHABLE', {
      url,
      problem: 'it is no address of the form host:port',
    });
  target.port ||= DEFAULT_PORT;
  return target;
}

function classify(url: string, error: unknown): unknown {
  if (isKubeEdgeError(error)) return error;
  const code = isTlsFailure(error as { code?: string }) ? 'TUNNEL_TLS' : 'TUNNEL_UNREACHABLE';
  const problem = errorText(error) || String((error as { code?: string }).code ?? '');
  return tunnelErrors.create(code, { url, problem }, error);
}
