import type { IncomingMessage, ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ConnectType, FrameTunnel } from '@kubeedge-ts/tunnel';
import type { KubeletRoute } from '../kubelet-routes.ts';
import { refusal } from '../refusal.ts';
import { headerLists } from './headers.ts';
import type { Exchange } from './plain.ts';

/**
 * How upstream's tunnel carries this route. `kubeletVersion`: as the node's status tells it.
 * @throws KubeEdgeError CLOUDCORE_KUBELET_REQUEST 501
 */
export function connectTypeOf(
  route: KubeletRoute,
  node: string,
  kubeletVersion: string | undefined,
): ConnectType {
  if (route.frames === undefined) {
    const verb = route.path.split('/')[1] ?? '';
    throw refusal(
      501,
      `node ${node} runs an upstream edgecore, whose tunnel has no word for ${verb}; kubeedge-ts' own edgecore carries it`,
    );
  }
  if (route.frames === 'attach' && !knowsAttach(kubeletVersion)) {
    throw refusal(
      501,
      `node ${node} runs an edgecore older than v1.14 (${kubeletVersion ?? 'version unknown'}), which would end at the word attach`,
    );
  }
  return route.frames;
}

/** Attach came with v1.14; 1.9's edgecore panics on a type it does not know (spec/cloudstream-edgestream.md §2.2). */
function knowsAttach(kubeletVersion: string | undefined): boolean {
  const match = /^v1\.(\d+)\.\d+-kubeedge-v(\d+)\.(\d+)/.exec(kubeletVersion ?? '');
  if (match === null) return false;
  const [kubernetes = 0, major = 0, minor = 0] = match.slice(1).map(Number);
  // a build without a release's number says v0.0.0-master; what it is of Kubernetes it says all the same (v1.14: 1.24)
  return major === 0 ? kubernetes >= 24 : major > 1 || minor >= 14;
}

/**
 * Logs and figures from an upstream edge. Only the body comes through its tunnel: the answer is 200 before the edge has said
 * anything, as upstream's is, and an error of its kubelet is text in it (§3.1).
 */
export async function forwardBody(
  tunnel: FrameTunnel,
  type: ConnectType,
  { target, request }: Exchange,
  response: ServerResponse,
): Promise<void> {
  const stream = tunnel.connect(type, {
    method: 'GET',
    path: target,
    // nothing would tell the reader that it is packed
    headers: headerLists(request, { 'Accept-Encoding': 'identity' }),
  });
  stream.on('error', () => undefined);
  const leave = (): void => void stream.destroy();
  response.once('close', leave);
  response.writeHead(200, { 'content-type': contentType(target), 'x-content-type-options': 'nosniff' });
  response.flushHeaders();
  try {
    if (request.method === 'HEAD') response.end();
    else await pipeline(stream, response);
  } catch {
    // begun already: only cutting it off tells the reader that it is not whole
    response.destroy();
  } finally {
    response.off('close', leave);
    leave();
  }
}

function contentType(target: string): string {
  if (target.startsWith('/stats')) return 'application/json';
  if (target.startsWith('/metrics')) return 'text/plain; version=0.0.4; charset=utf-8';
  return 'text/plain; charset=utf-8';
}

/** A connection on which the far end writes the request itself; it carries the kubelet's raw answer (§3.3). */
export function connectRaw(
  tunnel: FrameTunnel,
  type: ConnectType,
  { target, request }: { readonly target: string; readonly request: IncomingMessage },
): Duplex {
  const { method = 'GET' } = request;
  return withoutRequest(tunnel.connect(type, { method, path: target, headers: headerLists(request) }));
}

const HEAD_END = '\r\n\r\n';

/** What is written up to the first empty line is swallowed; everything else goes through both ways. */
export function withoutRequest(stream: Duplex): Duplex {
  /** The last bytes of what was swallowed; undefined: the request is over. */
  let tail: string | undefined = '';
  const connection = new Duplex({
    allowHalfOpen: true,
    read: () => void stream.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (tail === undefined) return forward(chunk, done);
      const text = tail + chunk.toString('latin1');
      const at = text.indexOf(HEAD_END);
      if (at === -1) {
        tail = text.slice(-(HEAD_END.length - 1));
        return done();
      }
      const rest = chunk.subarray(at + HEAD_END.length - tail.length);
      tail = undefined;
      return rest.length === 0 ? done() : forward(rest, done);
    },
    final(done) {
      stream.end(done);
    },
    destroy(error, done) {
      stream.destroy(error ?? undefined);
      done(error);
    },
  });
  const forward = (chunk: Buffer, done: (error?: Error | null) => void): void =>
    void stream.write(chunk, done);
  stream.on('data', (chunk: Buffer) => {
    if (!connection.push(chunk)) stream.pause();
  });
  stream.on('end', () => connection.push(null));
  stream.on('error', (error) => connection.destroy(error));
  stream.on('close', () => {
    // lost rather than ended
    if (!stream.readableEnded) connection.destroy();
  });
  stream.pause();
  return connection;
}
