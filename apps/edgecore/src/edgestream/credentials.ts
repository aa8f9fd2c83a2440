import { readFile } from 'node:fs/promises';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import type { Identity, IdentityFiles } from '../edgehub/index.ts';

export interface TunnelCredentialsOptions {
  /** Of the tunnel, and those that EdgeHub keeps the node's certificate in. */
  readonly files: IdentityFiles;
  readonly hubFiles: IdentityFiles;
  readonly identity: Pick<Identity, 'obtain'>;
}

/**
 * What the tunnel is dialled with: the files its section of the configuration names, where they are EdgeHub's own or
 * not there the node's certificate, which EdgeHub obtains and renews.
 */
export function tunnelCredentials({
  files,
  hubFiles,
  identity,
}: TunnelCredentialsOptions): (signal: AbortSignal) => Promise<TlsMaterial> {
  const isHubs = files.ca === hubFiles.ca && files.cert === hubFiles.cert && files.key === hubFiles.key;
  return async (signal) => {
    const own = isHubs ? undefined : await readAll(files);
    return own ?? identity.obtain(signal);
  };
}

/** @throws KubeEdgeError EDGE_IDENTITY_FILE */
async function readAll(files: IdentityFiles): Promise<TlsMaterial | undefined> {
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map(readText));
  if (ca === undefined || cert === undefined || key === undefined) return undefined;
  return { ca, cert, key };
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw edgecoreErrors.create('EDGE_IDENTITY_FILE', { file, problem: message }, cause);
  }
}
