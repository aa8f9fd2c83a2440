/** Upgrade headers of the link, lower case (spec/message-protocol.md §2.1). */
export const NODE_ID_HEADER = 'node_id';
export const PROJECT_ID_HEADER = 'project_id';
export const CONNECTION_USE_HEADER = 'connectionuse';

/** The project of every KubeEdge installation that was not told another. */
export const DEFAULT_PROJECT_ID = 'e632aba927ea4ac2b575ec1603d56f10';

const MAX_NAME = 253;
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const PROJECT_ID = /^[\w.-]{0,128}$/;

export type Handshake =
  | { readonly ok: true; readonly nodeName: string; readonly projectId: string }
  | { readonly ok: false; readonly status: number; readonly reason: string };

/** True for a name a Kubernetes Node can have (DNS-1123 subdomain). */
export function isNodeName(name: string): boolean {
  return name.length <= MAX_NAME && NODE_NAME.test(name);
}

/**
 * Reads the upgrade headers of a peer. Without `ConnectionUse: msg` upstream's server accepts the socket and never
 * reads from it; that is refused here, so that the mistake is seen.
 */
export function readHandshake(headers: Readonly<Record<string, string>>): Handshake {
  const nodeName = headers[NODE_ID_HEADER] ?? '';
  const projectId = headers[PROJECT_ID_HEADER] ?? '';
  const use = headers[CONNECTION_USE_HEADER] ?? '';
  if (!isNodeName(nodeName)) return refuse(400, 'header node_id is missing or no node name');
  if (!PROJECT_ID.test(projectId)) return refuse(400, 'header project_id is malformed');
  if (use !== 'msg') return refuse(400, 'header ConnectionUse must be msg');
  const { origin, host } = headers;
  if (origin !== undefined && hostOf(origin) !== host?.toLowerCase()) {
    return refuse(403, 'header Origin names another host');
  }
  return { ok: true, nodeName, projectId };
}

/** The headers a dialling edge sends. */
export function handshakeHeaders(nodeName: string, projectId: string): Record<string, string> {
  return { [NODE_ID_HEADER]: nodeName, [PROJECT_ID_HEADER]: projectId, ConnectionUse: 'msg' };
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host.toLowerCase() : undefined;
}

function refuse(status: number, reason: string): Handshake {
  return { ok: false, status, reason };
}
