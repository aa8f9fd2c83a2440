import type { Failure } from './protocol.ts';

// Primary result codes and one extended one, https://www.sqlite.org/rescode.html
const CORRUPT = 11;
const FULL = 13;
const NOTADB = 26;
const IOERR_SHMSIZE = 4874;

/** Sorts an error of `node:sqlite` (it carries `errcode`) by what the caller can do about it. */
export function failureOf(error: unknown): Failure {
  const code = errcode(error);
  const problem = error instanceof Error ? error.message : String(error);
  if ((code & 0xff) === FULL || code === IOERR_SHMSIZE || (error as { code?: unknown })?.code === 'ENOSPC') {
    return { kind: 'full', problem };
  }
  if ((code & 0xff) === CORRUPT || (code & 0xff) === NOTADB) return { kind: 'damaged', problem };
  return { kind: 'failed', problem };
}

function errcode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code : 0;
}
