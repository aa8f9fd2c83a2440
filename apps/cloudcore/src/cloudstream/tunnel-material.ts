import { readFile } from 'node:fs/promises';
import { pkiErrors } from '@kubeedge-ts/errors';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';

/** `modules.cloudStream.tlsTunnel…`, upstream's names. */
export interface TunnelFiles {
  readonly tlsTunnelCAFile: string;
  readonly tlsTunnelCertFile: string;
  readonly tlsTunnelPrivateKeyFile: string;
}

/**
 * What the tunnel's listener shows and believes: its own files where they are, else what CloudHub has
 * (spec/cloudstream-edgestream.md §2.1). @throws KubeEdgeError PKI_PAIR_INCOMPLETE
 */
export async function tunnelMaterial(files: TunnelFiles, hub: TlsMaterial): Promise<TlsMaterial> {
  const { tlsTunnelCAFile, tlsTunnelCertFile: certFile, tlsTunnelPrivateKeyFile: keyFile } = files;
  const [ca, cert, key] = await Promise.all([tlsTunnelCAFile, certFile, keyFile].map(readIfPresent));
  if (cert === undefined && key === undefined) return { ...hub, ca: ca ?? hub.ca };
  if (cert === undefined || key === undefined)
    throw pkiErrors.create('PKI_PAIR_INCOMPLETE', { certFile, keyFile });
  return { ca: ca ?? hub.ca, cert, key };
}

async function readIfPresent(path: string): Promise<string | undefined> {
  if (path === '') return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}
