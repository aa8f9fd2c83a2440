import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Kubectl {
  /** Standard output. @throws Error with kubectl's words when it fails */
  (args: readonly string[], stdin?: string): Promise<string>;
  /** Does not throw. */
  raw(args: readonly string[], stdin?: string): Promise<KubectlResult>;
  /** A kubectl that goes on until the caller ends it. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams;
  /** Standard output read as JSON. */
  json<T = Record<string, unknown>>(args: readonly string[]): Promise<T>;
}

/** The machine's kubectl, pointed at a kubeconfig, with a cache directory of its own. */
export function createKubectl(
  kubeconfig: string,
  cacheDir: string,
  env: Readonly<Record<string, string>> = {},
): Kubectl {
  const start = (args: readonly string[]): ChildProcessWithoutNullStreams =>
    spawn('kubectl', ['--kubeconfig', kubeconfig, '--cache-dir', cacheDir, ...args], {
      env: { ...process.env, ...env },
    });
  const raw = (args: readonly string[], stdin?: string): Promise<KubectlResult> =>
    new Promise((resolve, reject) => {
      const child = start(args);
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
      child.stdin.on('error', () => undefined); // kubectl may end before it has read everything
      child.stdin.end(stdin ?? '');
    });
  const run = async (args: readonly string[], stdin?: string): Promise<string> => {
    const result = await raw(args, stdin);
    if (result.code !== 0)
      throw new Error(`kubectl ${args.join(' ')}: ${result.stderr.trim() || `exit ${result.code}`}`);
    return result.stdout;
  };
  return Object.assign(run, {
    raw,
    start,
    json: async <T>(args: readonly string[]): Promise<T> =>
      JSON.parse(await run([...args, '-o', 'json'])) as T,
  });
}
