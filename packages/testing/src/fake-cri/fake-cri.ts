import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Server } from '@grpc/grpc-js';
import type { ContainerEventResponse, Init } from '@kubeedge-ts/cri';
import { createFaults, type Passed } from '../faults.ts';
import type { Backend, FakeSettings, Handlers, MethodName } from './backend.ts';
import { createEvents } from './events.ts';
import { FakeRuntime } from './fake-runtime.ts';
import { containerHandlers } from './handlers/containers.ts';
import { execHandlers } from './handlers/exec.ts';
import { imageHandlers } from './handlers/images.ts';
import { runtimeHandlers } from './handlers/runtime.ts';
import { statsHandlers } from './handlers/stats.ts';
import { type FakeImageOptions, FakeImages } from './images.ts';
import { PERSONALITIES, type PersonalityName } from './personality.ts';
import { CANCELLED, Refusal, UNIMPLEMENTED, UNKNOWN } from './refusal.ts';
import { serveCri } from './server.ts';
import { startStreamingServer } from './streaming/server.ts';
import { containerEvent } from './views.ts';

export type { MethodName } from './backend.ts';

/** A refusal's words, with a gRPC status number where UNKNOWN does not do. */
export type Failure = string | { readonly code: number; readonly details: string };

export interface FakeCri extends FakeSettings {
  /** `unix://…` */
  readonly endpoint: string;
  readonly runtime: FakeRuntime;
  readonly images: FakeImages;
  /** Every call in order of arrival. */
  readonly calls: readonly { readonly method: MethodName; readonly request: object }[];
  /** Images that a registry has; a pull of any other fails. */
  readonly registry: Set<string>;
  addImage(reference: string, options?: FakeImageOptions): void;
  /** Refuses the next `times` calls (default: all from now on). */
  fail(method: MethodName, failure: Failure, times?: number): void;
  /** Every call of the method takes this long, ms. */
  delay(method: MethodName, ms: number): void;
  /** Calls of the method are not answered until it is healed. */
  hang(method: MethodName): void;
  /** Says yes to the next `times` calls (default: all from now on) and does nothing. */
  lie(method: MethodName, times?: number): void;
  /** Takes back `fail`, `delay`, `hang` and `lie`; calls that hang go on. Without a method: of all. */
  heal(method?: MethodName): void;
  /** The newest running container of that name ends by itself. */
  exit(containerName: string, exitCode: number, message?: string, reason?: string): void;
  /** The newest running container of that name prints this. */
  print(containerName: string, text: string, stream?: 'stdout' | 'stderr'): void;
  /** The daemon goes; its containers stay. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

export interface FakeCriOptions {
  /** Time of the runtime's records, ms since the epoch; default the machine's. */
  readonly now?: () => number;
  /** Default `containerd-2`. */
  readonly personality?: PersonalityName;
  /** Waits in containers, of execs and of graces are this many times shorter; default 1. */
  readonly hurry?: number;
  /**
   * Commands that are not the fake's own (see the README) do not exist, as in an image of busybox. Default false:
   * containers of such commands run until they are ended, execs succeed.
   */
  readonly strictCommands?: boolean;
  /** A mount whose host path does not exist is refused. Default false, as containerd, which makes a directory. */
  readonly checkMounts?: boolean;
}

/** A container runtime without containers: a real gRPC server (grpc-js) on a unix socket, with scripted trouble. */
export async function startFakeCri(options: FakeCriOptions = {}): Promise<FakeCri> {
  const { now = Date.now, hurry = 1, strictCommands = false, checkMounts = false } = options;
  const personality = PERSONALITIES[options.personality ?? 'containerd-2'];
  const dir = await mkdtemp(join(tmpdir(), 'kets-cri-'));
  const socket = join(dir, 'cri.sock');
  const images = new FakeImages();
  const events = createEvents();
  const faults = createFaults<MethodName, Failure>((failure) =>
    typeof failure === 'string' ? new Refusal(UNKNOWN, failure) : new Refusal(failure.code, failure.details),
  );
  const streaming = await startStreamingServer();
  const calls: { method: MethodName; request: object }[] = [];
  let server: Server | undefined;
  const runtime: FakeRuntime = new FakeRuntime({
    clock: now,
    hurry,
    onEvent: (type, id, sandboxId) =>
      events.emit(containerEvent(runtime, (reference) => images.find(reference), type, id, sandboxId)),
  });
  const newestRunning = (name: string) => {
    const running = [...runtime.containers.values()].filter(
      (container) => container.config.metadata?.name === name && container.isRunning,
    );
    const newest = running.at(-1);
    if (newest === undefined) throw new Error(`no container ${name} runs`);
    return newest;
  };

  const arrive = async (method: MethodName, request: object, signal: AbortSignal): Promise<Passed> => {
    calls.push({ method, request });
    const passed = await faults.pass(method, signal);
    if (signal.aborted) throw new Refusal(CANCELLED, 'cancelled');
    if (personality.lacks.has(method)) throw new Refusal(UNIMPLEMENTED, `unknown method ${method}`);
    return passed;
  };
  const serve = async (): Promise<void> => {
    await rm(socket, { force: true });
    server = await serveCri(socket, {
      async unary(method, request, signal) {
        if ((await arrive(method as MethodName, request, signal)) === 'lie') return {};
        const handler = handlers[method as MethodName];
        if (handler === undefined) throw new Refusal(UNIMPLEMENTED, `unknown method ${method}`);
        return handler(request as never, signal);
      },
      async *stream(method, request, signal): AsyncGenerator<Init<ContainerEventResponse>> {
        if ((await arrive(method as MethodName, request, signal)) === 'honest') yield* events.listen(signal);
      },
    });
  };

  const fake: FakeCri = {
    endpoint: `unix://${socket}`,
    runtime,
    images,
    calls,
    registry: images.registry,
    exec: () => undefined,
    conditions: { runtime: true, network: true },
    handlers: personality.handlers,
    features: personality.features,
    obeyMs: 0,
    systemdCgroup: false,
    imageFs: { mountpoint: dir, usedBytes: undefined, inodesUsed: 100 },
    usage: new Map(),
    sandboxUsage: new Map(),
    portForward: () => new PassThrough(),
    addImage: (reference, image) => images.add(reference, image),
    fail: (method, failure, times = Number.POSITIVE_INFINITY) => faults.fail(method, failure, times),
    delay: (method, ms) => faults.delay(method, ms),
    hang: (method) => faults.hang(method),
    lie: (method, times = Number.POSITIVE_INFINITY) => faults.lie(method, times),
    heal: (method) => (method === undefined ? faults.healAll() : faults.heal(method)),
    exit(name, exitCode, message = '', reason = undefined) {
      newestRunning(name).exit(exitCode, reason, message);
    },
    print: (name, text, stream = 'stdout') => newestRunning(name).output(stream, Buffer.from(text)),
    async goAway() {
      server?.forceShutdown();
      server = undefined;
      await rm(socket, { force: true });
    },
    comeBack: serve,
    async stop() {
      await fake.goAway();
      faults.healAll();
      runtime.end();
      await streaming.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  const backend: Backend = {
    runtime,
    images,
    personality,
    settings: fake,
    streaming,
    root: dir,
    hurry,
    strictCommands,
    checkMounts,
  };
  const handlers: Handlers = {
    ...runtimeHandlers(backend),
    ...containerHandlers(backend),
    ...execHandlers(backend),
    ...statsHandlers(backend),
    ...imageHandlers(backend),
  };
  await serve();
  return fake;
}
