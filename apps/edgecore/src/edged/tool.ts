import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

export interface ToolOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  /** Exit codes besides 0 that are an answer, not a failure. */
  readonly accept?: readonly number[];
  /** Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface ToolAnswer {
  readonly code: number;
  readonly stdout: string;
}

/** Runs a tool of the machine without a shell; what it says on standard error is the error. */
export async function tool(
  name: string,
  args: readonly string[],
  { signal, timeoutMs = TIMEOUT_MS, accept = [], env = process.env }: ToolOptions = {},
): Promise<ToolAnswer> {
  try {
    const { stdout } = await run(name, args, {
      timeout: timeoutMs,
      env,
      ...(signal === undefined ? {} : { signal }),
    });
    return { code: 0, stdout };
  } catch (error) {
    signal?.throwIfAborted();
    const { stderr = '', stdout = '', killed, code } = error as ToolFailure;
    if (typeof code === 'number' && accept.includes(code)) return { code, stdout };
    if (code === 'ENOENT') throw new Error(`this machine has no ${name}`);
    if (killed === true) throw new Error(`${name} has not ended within ${timeoutMs / 1000} s`);
    const said = `${stderr}\n${stdout}`.trim();
    throw said === '' ? error : new Error(said);
  }
}

interface ToolFailure extends Error {
  readonly stderr?: string;
  readonly stdout?: string;
  readonly killed?: boolean;
  readonly code?: number | string;
}
