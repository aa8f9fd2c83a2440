import type { FakeFiles } from './files.ts';

/** What a command of the fake sees of the world. */
export interface ProcessIo {
  readonly env: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly uid: number;
  readonly files: FakeFiles;
  /** Milliseconds of the container's time. Rejects with `Killed` when the process is. */
  wait(ms: number): Promise<void>;
  /** The next bytes of standard input; undefined at its end. */
  read(): Promise<Buffer | undefined>;
  stdout(bytes: Buffer): void;
  stderr(bytes: Buffer): void;
}

/** Thrown through a command when its process is killed, or by `exit`. */
export class Killed extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`ended with ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** What runtimes say of a command that the image does not have. */
export class NoSuchCommand extends Error {
  constructor(name: string) {
    super(
      name.startsWith('/')
        ? `exec: "${name}": stat ${name}: no such file or directory`
        : `exec: "${name}": executable file not found in $PATH`,
    );
  }
}
