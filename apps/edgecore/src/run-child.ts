import { spawn } from 'node:child_process';

export interface ChildLimits {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** Characters of standard output; a child that says more is ended. */
  readonly maxOutput: number;
  /** Makes the error from what happened: `ended with 1: …`. */
  readonly failed: (problem: string) => Error;
}

/**
 * Runs a script of ours in a short-lived process, for work whose libraries the agent must not keep in memory: input on
 * its standard input, its standard output is the answer. Ended with the signal. @throws the signal's reason, or `failed`
 */
export function runChild(script: string, input: string, limits: ChildLimits): Promise<string> {
  const { signal, deadlineMs, maxOutput, failed } = limits;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script], {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
      killSignal: 'SIGKILL',
    });
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (output.length > maxOutput) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(-2_000);
    });
    child.stdin.on('error', () => {
      // The child ended without reading; its exit says why.
    });
    child.on('error', (error) => reject(signal.aborted ? signal.reason : failed(error.message)));
    child.on('close', (code) => {
      if (signal.aborted) reject(signal.reason);
      else if (code === 0) resolve(output);
      else reject(failed(`ended with ${code}: ${complaint.trim()}`));
    });
    child.stdin.end(input);
  });
}
