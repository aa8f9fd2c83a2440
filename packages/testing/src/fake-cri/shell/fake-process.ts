import { parse } from './parse.ts';
import { Killed, type ProcessIo } from './process.ts';
import { execute, isKnown, run, type Traps } from './shell.ts';

export interface FakeProcessOptions extends Pick<ProcessIo, 'env' | 'hostname' | 'uid' | 'files'> {
  readonly argv: readonly string[];
  /** Waits of the command are this many times shorter than it says. */
  readonly hurry: number;
  /** Whether standard input is kept open. */
  readonly stdin: boolean;
  readonly output: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
}

/** A command that runs: in a container, or by an exec into one. */
export interface FakeProcess {
  /** Resolves when it ends by itself or is ended. */
  readonly exited: Promise<number>;
  /** Whether it has said what SIGTERM does: a trap, or nothing. Its trap may end it. */
  readonly traps: boolean;
  /** SIGTERM to one with a trap. */
  terminate(): void;
  /** Ends it with that code; later calls change nothing. */
  end(exitCode: number): void;
  write(bytes: Buffer): void;
  endInput(): void;
}

/** A command that is not one of the fake's runs, and says nothing, until it is ended. */
export function startFakeProcess(options: FakeProcessOptions): FakeProcess {
  const { argv, hurry, output } = options;
  const ended = Promise.withResolvers<number>();
  const traps: Traps = new Map();
  const input: Buffer[] = [];
  let inputOpen = options.stdin;
  let wakeReader: (() => void) | undefined;
  let killed: Killed | undefined;
  const sleepers = new Set<() => void>();

  const end = (exitCode: number): void => {
    killed ??= new Killed(exitCode);
    ended.resolve(killed.exitCode);
    for (const wake of [...sleepers]) wake();
    wakeReader?.();
  };
  const io: ProcessIo = {
    env: options.env,
    hostname: options.hostname,
    uid: options.uid,
    files: options.files,
    wait: (ms) =>
      new Promise((resolve, reject) => {
        const timer = Number.isFinite(ms) ? setTimeout(() => wake(), ms / hurry) : undefined;
        const wake = (): void => {
          clearTimeout(timer);
          sleepers.delete(wake);
          if (killed === undefined) resolve();
          else reject(killed);
        };
        if (killed === undefined) sleepers.add(wake);
        else wake();
      }),
    async read() {
      while (input.length === 0 && inputOpen && killed === undefined) {
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
      if (killed !== undefined) throw killed;
      return input.shift();
    },
    stdout: (bytes) => {
      if (killed === undefined) output('stdout', bytes);
    },
    stderr: (bytes) => {
      if (killed === undefined) output('stderr', bytes);
    },
  };
  const failed = (error: unknown): void => {
    io.stderr(Buffer.from(`${(error as Error).message}\n`));
    end(1);
  };
  if (isKnown(argv)) run(argv, io, traps).then(end, failed);

  return {
    exited: ended.promise,
    get traps() {
      return traps.has('TERM');
    },
    terminate() {
      const script = traps.get('TERM');
      if (script === undefined || script === '') return;
      execute(parse(script), io, traps).catch((error: unknown) => {
        if (error instanceof Killed) end(error.exitCode);
        else failed(error);
      });
    },
    end,
    write(bytes) {
      if (!inputOpen) return;
      input.push(bytes);
      wakeReader?.();
    },
    endInput() {
      inputOpen = false;
      wakeReader?.();
    },
  };
}
