import type { Duplex } from 'node:stream';
import type { CriMethods, RuntimeFeatures, RuntimeHandler } from '@kubeedge-ts/cri';
import type { FakeRuntime } from './fake-runtime.ts';
import type { FakeImages } from './images.ts';
import type { Personality } from './personality.ts';
import type { FakeFilesystem, FakeSandboxUsage, FakeUsage } from './stats.ts';
import type { StreamingServer } from './streaming/server.ts';

export type MethodName = keyof CriMethods;

/** Answers by method; one that is missing is UNIMPLEMENTED. */
export type Handlers = {
  readonly [M in MethodName]?: (
    request: CriMethods[M]['request'],
    signal: AbortSignal,
  ) => object | Promise<object>;
};

/** What a command that was run came to; what is left out is nothing, and exit code 0. */
export interface ExecResult {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
}

/** What a test may set at any time. */
export interface FakeSettings {
  /** Answers commands run in containers (ExecSync, Exec) before the built-in ones do; undefined: they do. */
  exec: (
    containerId: string,
    cmd: readonly string[],
  ) => ExecResult | undefined | Promise<ExecResult | undefined>;
  conditions: { runtime: boolean; network: boolean };
  /** What Status says of RuntimeClass handlers and of the runtime; as the personality has it. */
  handlers: readonly RuntimeHandler[];
  features: RuntimeFeatures | undefined;
  /** How long containers take to react to SIGTERM (by their trap, or by ending), ms; longer than their grace: they are killed. */
  obeyMs: number;
  /** What RuntimeConfig, or the verbose status, says of cgroups. */
  systemdCgroup: boolean;
  /** `usedBytes` undefined: what the images come to. */
  readonly imageFs: FakeFilesystem;
  /** By container name. */
  readonly usage: Map<string, FakeUsage>;
  /** By pod name. */
  readonly sandboxUsage: Map<string, FakeSandboxUsage>;
  /** The other end of a forwarded port; default: an echo. */
  portForward: (sandboxId: string, port: number) => Duplex;
}

export interface Backend {
  readonly runtime: FakeRuntime;
  readonly images: FakeImages;
  readonly personality: Personality;
  readonly settings: FakeSettings;
  readonly streaming: StreamingServer;
  /** The runtime's own directory. */
  readonly root: string;
  readonly hurry: number;
  readonly strictCommands: boolean;
  readonly checkMounts: boolean;
}
