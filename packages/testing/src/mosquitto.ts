import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BINARY = '/usr/sbin/mosquitto';

/** Why a test with a real broker cannot run here, for its title; undefined when it can. */
export const mosquittoMissing: string | undefined = existsSync(BINARY)
  ? undefined
  : `skipped: ${BINARY} is not installed (Debian package mosquitto)`;

export interface Mosquitto {
  readonly port: number;
  /** `tcp://127.0.0.1:<port>` */
  readonly url: string;
  /** Ends the broker; sessions and messages are gone. Idempotent. */
  stop(): Promise<void>;
  /** Starts it again on the same port after `stop`. */
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface MosquittoOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Further lines of mosquitto.conf. */
  readonly config?: readonly string[];
}

/** A private mosquitto on a free loopback port with its own folder. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), 'kubeedge-mosquitto-'));
  const port = options.port ?? (await freePort());
  const file = join(folder, 'mosquitto.conf');
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'persistence false', 'user root'];
  await writeFile(file, [...lines, ...(options.config ?? []), ''].join('\n'));
  let child: ChildProcess | undefined;
  let exited: Promise<void> = Promise.resolve();

  const start = async (): Promise<void> => {
    if (child !== undefined) return;
    // Ends with the test process, also when that is killed.
    const started = spawn('setpriv', ['--pdeathsig', 'KILL', BINARY, '-c', file], { stdio: 'ignore' });
    child = started;
    exited = new Promise((resolve) => {
      started.once('exit', () => resolve());
      started.once('error', () => resolve());
    });
    while (!(await accepts(port))) {
      if (started.exitCode !== null) throw new Error(`mosquitto ended with ${started.exitCode}`);
    }
  };
  const stop = async (): Promise<void> => {
    child?.kill('SIGKILL');
    child = undefined;
    await exited;
  };

  try {
    await start();
  } catch (error) {
    await stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    port,
    url: `tcp://127.0.0.1:${port}`,
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A port that was free a moment ago; mosquitto cannot choose one itself. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (accepted: boolean): void => {
      socket.destroy();
      if (accepted) resolve(true);
      else setTimeout(() => resolve(false), 10);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
