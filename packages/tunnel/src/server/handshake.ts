import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  type Admission,
  certificateProblem,
  isNodeName,
  type PeerIdentity,
  subjectOf,
} from '@kubeedge-ts/viaduct';
import { CONNECT_PATH, HOST_NAME_HEADER, INTERNAL_IP_HEADER, STREAMS_PROTOCOL } from '../protocol.ts';
import type { TunnelKind } from '../types.ts';

/** An edge that was let in. */
export interface AdmittedEdge {
  readonly nodeName: string;
  readonly internalIp: string;
  readonly remoteAddress: string;
}

export type Verdict =
  | { readonly ok: true; readonly kind: TunnelKind; readonly edge: AdmittedEdge }
  | { readonly ok: false; readonly status: number; readonly reason: string };

/** Decides about the request an edge begins with: one and the same for both kinds of tunnel. */
export function judge(request: IncomingMessage, admission: Admission): Verdict {
  const { socket } = request;
  const problem = certificateProblem(socket);
  if (problem !== undefined || !(socket instanceof TLSSocket)) return refuse(401, problem ?? '');
  const [path] = (request.url ?? '').split('?', 1);
  if (path !== CONNECT_PATH) return refuse(404, `only ${CONNECT_PATH} is served here`);

  const peer = peerOf(request, socket);
  if (!isNodeName(peer.nodeName)) return refuse(400, `header ${HOST_NAME_HEADER} is no node name`);
  const decision = admission(peer);
  if (!decision.accept) return refuse(decision.status, decision.reason);

  const kind = kindOf(request.headers.upgrade, socket.alpnProtocol);
  if (kind === undefined) return refuse(400, 'this port speaks WebSocket');
  const { nodeName, remoteAddress, headers } = peer;
  return { ok: true, kind, edge: { nodeName, internalIp: addressIn(headers), remoteAddress } };
}

/** What the peer is, as far as it can be told. */
export function peerOf(request: IncomingMessage, socket: TLSSocket): PeerIdentity {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return {
    nodeName: headers[HOST_NAME_HEADER.toLowerCase()] ?? '',
    projectId: '',
    ...subjectOf(socket),
    remoteAddress: socket.remoteAddress ?? '',
    headers,
  };
}

function kindOf(upgrade: string | undefined, alpn: string | false | null): TunnelKind | undefined {
  if (upgrade === STREAMS_PROTOCOL && alpn === STREAMS_PROTOCOL) return 'streams';
  return upgrade?.toLowerCase() === 'websocket' ? 'frames' : undefined;
}

/** Empty when it is none: the header is the edge's own word, and only shown. */
function addressIn(headers: Readonly<Record<string, string>>): string {
  const text = headers[INTERNAL_IP_HEADER.toLowerCase()] ?? '';
  return isIP(text) === 0 ? '' : text;
}

function refuse(status: number, reason: string): Verdict {
  return { ok: false, status, reason };
}
