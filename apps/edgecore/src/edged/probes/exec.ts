import type { CriClient } from '@kubeedge-ts/cri';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { goDuration, goQuoted } from './go-text.ts';
import { grpcCodeOf, rpcText } from './rpc-text.ts';

/** What a command in a container came to. `output`: standard output and error, cut. */
export type Ran =
  | { readonly is: 'exit'; readonly code: number; readonly output: string; readonly stderr: string }
  | { readonly is: 'timeout'; readonly problem: string }
  | { readonly is: 'error'; readonly problem: string; readonly runtimeAway: boolean };

export interface RunOptions {
  /** Absent: as long as it takes. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/** More of a command's output is not kept (spec/edged.md §8). */
export const MAX_OUTPUT_BYTES = 10 * 1024;
/** The runtime ends the command itself at its timeout; should it not, it is waited for this much longer. */
const RUNTIME_SLACK_MS = 2_000;

/** Runs a command by CRI ExecSync. Rejects only with the signal's reason. */
export async function runInContainer(
  cri: Pick<CriClient, 'execSync'>,
  containerId: string,
  command: readonly string[],
  { timeoutMs, signal }: RunOptions,
): Promise<Ran> {
  try {
    const { stdout, stderr, exitCode } = await cri.execSync(
      { containerId, cmd: [...command], timeout: timeoutMs === undefined ? 0 : timeoutMs / 1000 },
      { signal, ...(timeoutMs === undefined ? {} : { timeoutMs: timeoutMs + RUNTIME_SLACK_MS }) },
    );
    return { is: 'exit', code: exitCode, output: textOf(stdout, stderr), stderr: textOf(stderr) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (timeoutMs !== undefined && grpcCodeOf(error) === 'DEADLINE_EXCEEDED') {
      const words = `${goQuoted(command.join(' '))} timed out after ${goDuration(timeoutMs)}`;
      return { is: 'timeout', problem: `command timed out: ${words}` };
    }
    return { is: 'error', problem: rpcText(error), runtimeAway: isKubeEdgeError(error, 'CRI_UNAVAILABLE') };
  }
}

function textOf(...parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts.map((part) => part.subarray(0, MAX_OUTPUT_BYTES)))
    .subarray(0, MAX_OUTPUT_BYTES)
    .toString();
}
