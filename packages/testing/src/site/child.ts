import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Standard output and error are appended here. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program of the site, as a process of its own. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves with the exit code (128 + signal when killed). */
  readonly exited: Promise<number>;
  readonly running: boolean;
  /** SIGTERM, then SIGKILL after the grace; resolves when it is gone. */
  stop(graceMs?: number): Promise<number>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<number>;
  /** The end of its log, for error messages. */
  logTail(lines?: number): string;
}

export function startChild(options: ChildOptions): Child {
  const log = createWriteStream(options.logFile, { flags: 'a' });
  const child: ChildProcess = spawn(options.command, options.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    // a group of its own: Ctrl-C at the terminal reaches the site, which stops its programs in order
    detached: true,
  });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  let running = true;
  const exited = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      running = false;
      log.end(`${error}\n`);
      resolve(127);
    });
    child.once('close', (code, signal) => {
      running = false;
      log.end();
      resolve(code ?? (signal === 'SIGKILL' ? 137 : 128));
    });
  });
  return {
    name: options.name,
    pid: child.pid ?? -1,
    logFile: options.logFile,
    exited,
    get running() {
      return running;
    },
    async stop(graceMs = 15_000) {
      if (!running) return exited;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
    kill() {
      child.kill('SIGKILL');
      return exited;
    },
    logTail(lines = 20) {
      return readFileSync(options.logFile, 'utf8').split('\n').slice(-lines).join('\n');
    },
  };
}
