import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { errorText, type KubeEdgeError, viaductErrors } from '@kubeedge-ts/errors';
import { WebSocket } from 'ws';
import { handshakeHeaders } from '../handshake.ts';
import type { Connection, DialOptions, PeerIdentity } from '../types.ts';
import { type ConnectionPorts, connectionLimits, createWebSocketConnection } from './connection.ts';
import { CIPHERS, isTlsFailure, MIN_TLS_VERSION, subjectOf } from './tls.ts';

const MAX_REFUSAL_BYTES = 4_096;

export function dialWebSocket(
  ports: ConnectionPorts & { readonly nextId: () => string },
  options: DialOptions,
): Promise<Connection> {
  const { url, nodeName, projectId, maxFrameBytes, signal } = options;
  const limits = connectionLimits(options, 15_000);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = new WebSocket(url, {
      ...options.tls,
      minVersion: MIN_TLS_VERSION,
      ciphers: CIPHERS,
      headers: { ...options.headers, ...handshakeHeaders(nodeName, projectId) },
      handshakeTimeout: options.handshakeTimeoutMs,
      perMessageDeflate: false,
      maxPayload: maxFrameBytes,
      followRedirects: false,
      autoPong: false,
    });
    let identity: PeerIdentity | undefined;

    const fail = (error: unknown): void => {
      signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      // Destroying a socket that is still connecting reports one more error.
      socket.on('error', () => undefined);
      socket.terminate();
      reject(error);
    };
    const onAbort = (): void => fail(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });

    socket.on('upgrade', (response) => {
      identity = serverIdentity(response, options);
    });
    socket.on('unexpected-response', (_request, response) => {
      void readRefusal(response).then((text) =>
        fail(
          viaductErrors.create('VIADUCT_REFUSED', { url, status: response.statusCode ?? 0, reason: text }),
        ),
      );
    });
    socket.on('error', (error) => fail(classify(url, error)));
    socket.on('open', () => {
      signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      resolve(
        createWebSocketConnection(
          socket,
          { id: ports.nextId(), peer: identity ?? serverIdentity(undefined, options) },
          limits,
          ports,
        ),
      );
    });
  });
}

function serverIdentity(response: IncomingMessage | undefined, options: DialOptions): PeerIdentity {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response?.headers ?? {})) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const socket = response?.socket;
  const subject = socket instanceof TLSSocket ? subjectOf(socket) : { commonName: '', organization: '' };
  return {
    nodeName: options.nodeName,
    projectId: options.projectId,
    ...subject,
    remoteAddress: socket?.remoteAddress ?? '',
    headers,
  };
}

async function readRefusal(response: IncomingMessage): Promise<string> {
  let text = '';
  try {
    response.setEncoding('utf8');
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_REFUSAL_BYTES) break;
    }
  } catch (error) {
    text ||= errorText(error);
  }
  return text.trim().slice(0, MAX_REFUSAL_BYTES) || (response.statusMessage ?? '');
}

/** What failed before the TLS handshake never reached the server. */
function classify(url: string, error: Error & { code?: string }): KubeEdgeError {
  return viaductErrors.create(
    isTlsFailure(error) ? 'VIADUCT_TLS' : 'VIADUCT_UNREACHABLE',
    { url, problem: error.message || (error.code ?? '') },
    error,
  );
}
