import {
  type ContainerConfig,
  ContainerState,
  type LinuxContainerResources,
  type PodSandboxConfig,
} from '@kubeedge-ts/cri';
import type { FakeImageOptions } from './images.ts';
import { type LogFile, openLogFile } from './log-file.ts';
import { type FakeProcess, startFakeProcess } from './shell/fake-process.ts';
import { createFakeFiles, type FakeFiles } from './shell/files.ts';

export type OutputListener = (stream: 'stdout' | 'stderr', bytes: Buffer) => void;

export interface FakeContainerOptions {
  readonly id: string;
  readonly sandboxId: string;
  readonly sandbox: PodSandboxConfig;
  readonly config: ContainerConfig;
  readonly image: FakeImageOptions;
  readonly createdAt: number;
  readonly hurry: number;
  /** Nanoseconds since the epoch, growing. */
  readonly now: () => number;
  /** It has ended, by itself or not. */
  readonly onExit: () => void;
}

/** A container: its record, the command it runs, its files and its log. */
export class FakeContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAt: number;
  readonly files: FakeFiles;
  readonly #options: FakeContainerOptions;
  readonly #listeners = new Set<OutputListener>();
  #process: FakeProcess | undefined;
  #log: LogFile | undefined;
  state: number = ContainerState.CONTAINER_CREATED;
  startedAt = 0;
  finishedAt = 0;
  exitCode = 0;
  reason = '';
  message = '';
  resources: Partial<LinuxContainerResources>;

  constructor(options: FakeContainerOptions) {
    this.#options = options;
    this.id = options.id;
    this.sandboxId = options.sandboxId;
    this.config = options.config;
    this.createdAt = options.createdAt;
    this.resources = options.config.linux?.resources ?? {};
    this.files = createFakeFiles(options.config.mounts.filter(({ image }) => image === undefined));
  }

  get isRunning(): boolean {
    return this.state === ContainerState.CONTAINER_RUNNING;
  }

  /** What it runs: its own command and arguments, or the image's. */
  get argv(): readonly string[] {
    const { command, args } = this.config;
    return command.length > 0 || args.length > 0
      ? [...command, ...args]
      : (this.#options.image.command ?? []);
  }

  get env(): Record<string, string> {
    const own = Object.fromEntries(this.config.envs.map(({ key, value }) => [key, value]));
    return { PATH: '/bin', HOSTNAME: this.#options.sandbox.hostname, ...this.#options.image.env, ...own };
  }

  get uid(): number {
    const asked = this.config.linux?.securityContext?.runAsUser?.value;
    return asked ?? (Number.parseInt(this.#options.image.user ?? '', 10) || 0);
  }

  /** Undefined: it is not to have one. */
  get logPath(): string | undefined {
    const { logDirectory } = this.#options.sandbox;
    return logDirectory === '' || this.config.logPath === ''
      ? undefined
      : `${logDirectory}/${this.config.logPath}`;
  }

  start(): void {
    const { now, hurry, sandbox } = this.#options;
    this.state = ContainerState.CONTAINER_RUNNING;
    this.startedAt = now();
    this.#log = this.logPath === undefined ? undefined : openLogFile(this.logPath, now);
    const { argv, env, uid, files } = this;
    this.#process = startFakeProcess({
      argv,
      env,
      uid,
      files,
      hurry,
      hostname: sandbox.hostname,
      stdin: this.config.stdin,
      output: (stream, bytes) => this.output(stream, bytes),
    });
    void this.#process.exited.then((code) => this.exit(code));
  }

  /** What it prints: into its log, and to whoever is attached. */
  output(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    this.#log?.write(stream, bytes);
    for (const listener of this.#listeners) listener(stream, bytes);
  }

  attach(listener: OutputListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  write(bytes: Buffer): void {
    this.#process?.write(bytes);
  }

  endInput(): void {
    this.#process?.endInput();
  }

  reopenLog(): void {
    this.#log?.reopen();
  }

  /** Whether it has said itself what SIGTERM does. */
  get traps(): boolean {
    return this.#process?.traps === true;
  }

  terminate(): void {
    this.#process?.terminate();
  }

  /** Resolves when it has ended. */
  get ended(): Promise<unknown> {
    return this.#process?.exited ?? Promise.resolve();
  }

  /** Does nothing to a container that has ended. */
  exit(exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error', message = ''): void {
    if (this.state === ContainerState.CONTAINER_EXITED) return;
    this.state = ContainerState.CONTAINER_EXITED;
    this.finishedAt = this.#options.now();
    this.exitCode = exitCode;
    this.reason = reason;
    this.message = message;
    this.#process?.end(exitCode);
    this.#log?.close();
    this.#options.onExit();
  }
}
