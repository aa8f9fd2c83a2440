import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { edgedErrors } from '@kubeedge-ts/errors';
import { tool } from '../../tool.ts';

/** Holds up a shutdown until it is released. */
export interface InhibitLock {
  /** Resolves when it is held no more, whoever gave it up. */
  readonly ended: Promise<void>;
  release(): Promise<void>;
}

/** systemd-logind, as far as a shutdown goes. All reject with EDGED_LOGIND. */
export interface Logind {
  /** How long a shutdown waits for those who hold it up, ms. */
  delayMs(): Promise<number>;
  /** Makes it wait longer, by a file of its configuration. */
  raiseDelay(ms: number): Promise<void>;
  inhibit(): Promise<InhibitLock>;
  /** Tells of shutdowns that begin and of those that are over. */
  watch(told: (begins: boolean) => void, signal: AbortSignal): ShutdownWatch;
}

export interface ShutdownWatch {
  /** Resolves when no shutdown is missed any more. */
  readonly ready: Promise<void>;
  /** Resolves when it hears no more of them. @throws KubeEdgeError EDGED_LOGIND */
  readonly ended: Promise<void>;
}

const SERVICE = 'org.freedesktop.login1';
const OBJECT = '/org/freedesktop/login1';
const INTERFACE = 'org.freedesktop.login1.Manager';
const MEMBER = 'PrepareForShutdown';
const TIMEOUT_MS = 10_000;

export interface LogindOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Where files that extend its configuration lie. */
  readonly configDir?: string;
}

/**
 * Through the tools that come with it. The lock is a file descriptor passed over D-Bus, which Node cannot receive, so a
 * child holds it; children end with this process, however it ends.
 */
export function systemLogind(options: LogindOptions = {}): Logind {
  const { env = process.env, configDir = '/etc/systemd/logind.conf.d' } = options;

  const ask = async (name: string, args: readonly string[]): Promise<string> => {
    const { stdout } = await tool(name, args, { timeoutMs: TIMEOUT_MS, env }).catch(failed);
    return stdout;
  };

  return {
    async delayMs() {
      const args = ['--system', 'get-property', SERVICE, OBJECT, INTERFACE, 'InhibitDelayMaxUSec'];
      const answer = await ask('busctl', args);
      const micros = /^t (\d{1,15})$/.exec(answer.trim())?.[1];
      if (micros === undefined) return failed(new Error(`its answer is no time: ${answer.slice(0, 100)}`));
      return Number(micros) / 1000;
    },

    async raiseDelay(ms) {
      const text = `# Written by edgecore: pods get this long to end before the machine goes down.\n[Login]\nInhibitDelayMaxSec=${Math.ceil(ms / 1000)}\n`;
      await mkdir(configDir, { recursive: true, mode: 0o755 }).catch(failed);
      await writeFile(join(configDir, '99-kubelet.conf'), text, { mode: 0o644 }).catch(failed);
      await ask('systemctl', ['kill', '--signal=HUP', 'systemd-logind.service']);
    },

    async inhibit() {
      const why = '--why=Pods need time to end';
      // cat ends with its input, and that with this process.
      const args = ['--what=shutdown', '--who=edgecore', why, '--mode=delay', 'cat'];
      const child = spawn('systemd-inhibit', args, { stdio: ['pipe', 'pipe', 'pipe'], env });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = `${said}${text}`.slice(0, 1_000);
      });
      child.stdin.on('error', () => undefined);
      const ended = new Promise<void>((resolve) => {
        child.once('error', (error) => {
          said ||= error.message;
          resolve();
        });
        child.once('close', () => resolve());
      });
      // The line comes back once the lock is held: before that there is no cat.
      const held = new Promise<boolean>((resolve) => child.stdout.once('data', () => resolve(true)));
      child.stdin.write('held\n');
      if (!(await Promise.race([held, ended.then(() => false)])))
        return failed(new Error(said.trim() || 'systemd-inhibit has ended'));
      child.stdout.resume();
      return {
        ended,
        async release() {
          child.stdin.end();
          const late = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
          await ended;
          clearTimeout(late);
        },
      };
    },

    watch(told, signal) {
      const match = `type='signal',interface='${INTERFACE}',member='${MEMBER}'`;
      // Without input to end with, busctl would outlive a killed edgecore.
      const args = ['--pdeathsig', 'KILL', 'busctl', '--system', '--json=short', 'monitor', '--match', match];
      // At this level it says when it begins.
      const loud = { ...env, SYSTEMD_LOG_LEVEL: 'info' };
      const child = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'pipe'], env: loud });
      const stop = (): void => void child.kill('SIGKILL');
      signal.addEventListener('abort', stop, { once: true });
      createInterface({ input: child.stdout }).on('line', (line) => {
        const begins = shutdownOf(line);
        if (begins !== undefined) told(begins);
      });
      const ended = new Promise<void>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', () => resolve());
      })
        .catch(failed)
        .finally(() => signal.removeEventListener('abort', stop));
      const begun = new Promise<void>((resolve) => child.stderr.once('data', () => resolve()));
      child.stderr.resume();
      return { ready: Promise.race([begun, ended]), ended };
    },
  };
}

/** What a line of `busctl monitor` says; undefined when it says something else. */
export function shutdownOf(line: string): boolean | undefined {
  if (line.length > 10_000) return undefined;
  try {
    const { type, member, payload } = JSON.parse(line) as Record<string, { data?: unknown[] } | string>;
    const value = typeof payload === 'object' ? payload?.data?.[0] : undefined;
    return type === 'signal' && member === MEMBER && typeof value === 'boolean' ? value : undefined;
  } catch {
    return undefined;
  }
}

function failed(error: unknown): never {
  const problem = error instanceof Error ? error.message : String(error);
  throw edgedErrors.create('EDGED_LOGIND', { problem }, error);
}
