import { readFile } from 'node:fs/promises';
import { edgecoreErrors } from '@kubeedge-ts/errors';

/** Written by `keadm join`, removed afterwards (spec/certificates-and-ports.md §3.4). */
export const BOOTSTRAP_FILE = '/etc/kubeedge/bootstrap-edgecore.conf';

/**
 * The join token: the bootstrap file's content if the file is there, else the configured one. Both are read every time,
 * so that a token put there while edgecore waits for one is used.
 */
export function tokenSource(
  configured: string | (() => string | Promise<string>),
  bootstrapFile: string = BOOTSTRAP_FILE,
): () => Promise<string> {
  return async () => {
    try {
      const text = (await readFile(bootstrapFile, 'utf8')).trim();
      if (text !== '') return text;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
        const problem = (cause as Error).message;
        throw edgecoreErrors.create('EDGE_IDENTITY_FILE', { file: bootstrapFile, problem }, cause);
      }
    }
    return (typeof configured === 'string' ? configured : await configured()).trim();
  };
}
