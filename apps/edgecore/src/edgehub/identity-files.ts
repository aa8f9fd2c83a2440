import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';

/** Where the node's identity lies (`modules.edgeHub.tlsCaFile`, `tlsCertFile`, `tlsPrivateKeyFile`). */
export interface IdentityFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Certificate and key are two files; a crash between their replacements leaves the certificate under this name. */
const STAGED = '.new';

/**
 * Reads the three files; undefined when one is absent or certificate and key do not belong together.
 * @throws KubeEdgeError EDGE_IDENTITY_FILE when a file is there and cannot be read
 */
export async function readIdentity(files: IdentityFiles): Promise<TlsMaterial | undefined> {
  const [ca, cert, key] = await Promise.all([readText(files.ca), readText(files.cert), readText(files.key)]);
  if (ca === undefined || key === undefined) return undefined;
  if (cert !== undefined && belongTogether(cert, key)) return { ca, cert, key };
  const staged = await readText(files.cert + STAGED);
  if (staged === undefined || !belongTogether(staged, key)) return undefined;
  await rename(files.cert + STAGED, files.cert);
  return { ca, cert: staged, key };
}

/** Replaces the files so that whatever moment power fails at, a usable pair is found again. Modes 0644 and 0600. */
export async function writeIdentity(files: IdentityFiles, material: TlsMaterial): Promise<void> {
  try {
    await writeDurably(files.ca + STAGED, material.ca, 0o644);
    await rename(files.ca + STAGED, files.ca);
    await writeDurably(files.cert + STAGED, material.cert, 0o644);
    await writeDurably(files.key + STAGED, material.key, 0o600);
    await rename(files.key + STAGED, files.key);
    await rename(files.cert + STAGED, files.cert);
    for (const folder of new Set([dirname(files.ca), dirname(files.cert), dirname(files.key)])) {
      await syncFolder(folder);
    }
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw edgecoreErrors.create('EDGE_IDENTITY_FILE', { file: files.cert, problem }, cause);
  }
}

function belongTogether(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    // Unreadable PEM is no pair; the caller enrols again.
    return false;
  }
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw edgecoreErrors.create('EDGE_IDENTITY_FILE', { file, problem: (cause as Error).message }, cause);
  }
}

async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  const handle = await open(file, 'w', mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
