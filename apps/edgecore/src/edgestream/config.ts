import type { EdgeCoreConfig } from '@kubeedge-ts/apis/config';
import type { IdentityFiles } from '../edgehub/index.ts';

export interface EdgeStreamConfig {
  readonly nodeName: string;
  /** `host:port` of the cloud's tunnel listener. */
  readonly server: string;
  readonly handshakeTimeoutMs: number;
  readonly files: IdentityFiles;
}

const UPSTREAM_DEFAULT_SERVER = '127.0.0.1:10004';
const TUNNEL_PORT = 10_004;

export function edgeStreamConfigOf({ modules }: EdgeCoreConfig): EdgeStreamConfig {
  const { edged, edgeHub, edgeStream } = modules;
  return {
    nodeName: edged.hostnameOverride.toLowerCase(),
    server: tunnelServer(edgeStream.server, edgeHub.websocket.server),
    handshakeTimeoutMs: edgeStream.handshakeTimeout * 1_000,
    files: {
      ca: edgeStream.tlsTunnelCAFile,
      cert: edgeStream.tlsTunnelCertFile,
      key: edgeStream.tlsTunnelPrivateKeyFile,
    },
  };
}

/**
 * Where the tunnel goes. Upstream's default is this machine, which nobody means whose cloud is elsewhere: the module was
 * off, and its section never looked at. The cloud is where EdgeHub finds it.
 */
export function tunnelServer(configured: string, hub: string): string {
  if (configured !== UPSTREAM_DEFAULT_SERVER && configured !== '') return configured;
  const host = URL.parse(hub.includes('://') ? hub : `wss://${hub}`)?.hostname ?? '';
  return host === '' ? UPSTREAM_DEFAULT_SERVER : `${host}:${TUNNEL_PORT}`;
}
