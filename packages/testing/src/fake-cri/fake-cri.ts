import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type handleUnaryCall, Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import {
  ContainerState,
  type CriMethods,
  createCriCodec,
  METHODS,
  type RuntimeFeatures,
  type RuntimeHandler,
} from '@kubeedge-ts/cri';
import { FakeRuntime, matches, NOT_FOUND, Refusal, UNKNOWN } from './fake-runtime.ts';

export type MethodName = keyof CriMethods;

export interface FakeCri {
  /** `unix://…` */
  readonly endpoint: string;
  readonly runtime: FakeRuntime;
  /** Every call in order of arrival. */
  readonly calls: readonly { readonly method: MethodName; readonly request: object }[];
  /** Runs inside containers: answers ExecSync. */
  exec: (containerId: string, cmd: readonly string[]) => { stdout: string; exitCode: number };
  /** Images that a registry has; a pull of any other fails. */
  readonly registry: Set<string>;
  conditions: { runtime: boolean; network: boolean };
  /** What Status says of RuntimeClass handlers and of the runtime; containerd 1.6 says nothing. */
  handlers: readonly RuntimeHandler[];
  features: RuntimeFeatures | undefined;
  /** How long containers take to obey SIGTERM, ms; longer than their grace: they are killed. */
  obeyMs: number;
  addImage(reference: string): void;
  /** Refuses the next `times` calls (default: all from now on). */
  fail(method: MethodName, details: string, times?: number): void;
  /** Every call of the method takes this long, ms. */
  delay(method: MethodName, ms: number): void;
  /** Takes back `fail` and `delay`. */
  heal(method: MethodName): void;
  /** The newest running container of that name ends by itself. */
  exit(containerName: string, exitCode: number, message?: string): void;
  /** The daemon goes; its containers stay. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

interface Trouble {
  failures: number;
  details: string;
  delayMs: number;
}

export interface FakeCriOptions {
  /** Time of the runtime's records, ms since the epoch; default the machine's. */
  readonly now?: () => number;
}

/** A container runtime without containers: a real gRPC server (grpc-js) on a unix socket, with scripted trouble. */
export async function startFakeCri({ now = Date.now }: FakeCriOptions = {}): Promise<FakeCri> {
  const dir = await mkdtemp(join(tmpdir(), 'kets-cri-'));
  const socket = join(dir, 'cri.sock');
  const runtime = new FakeRuntime(now);
  const calls: { method: MethodName; request: object }[] = [];
  const troubles = new Map<MethodName, Trouble>();
  const timers = new Set<NodeJS.Timeout>();
  let server: Server | undefined;

  const troubleOf = (method: MethodName): Trouble => {
    const trouble = troubles.get(method) ?? { failures: 0, details: '', delayMs: 0 };
    troubles.set(method, trouble);
    return trouble;
  };

  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, ms);
      timers.add(timer);
    });

  const handlers = createHandlers(() => fake, wait);
  const answer = async (method: MethodName, request: object, cancelled: () => boolean): Promise<object> => {
    calls.push({ method, request });
    const trouble = troubleOf(method);
    if (trouble.delayMs > 0) await wait(trouble.delayMs);
    if (cancelled()) throw new Refusal(1, 'cancelled');
    if (trouble.failures > 0) {
      trouble.failures -= 1;
      throw new Refusal(UNKNOWN, trouble.details);
    }
    const handler = handlers[method];
    if (handler === undefined) throw new Refusal(12, `unknown method ${method}`);
    return handler(request as never);
  };

  const serve = async (): Promise<void> => {
    await rm(socket, { force: true });
    const fresh = new Server();
    for (const service of ['RuntimeService', 'ImageService']) {
      const [definition, implementation] = serviceOf(service, answer);
      fresh.addService(definition, implementation);
    }
    await new Promise<void>((resolve, reject) => {
      fresh.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    server = fresh;
  };

  const fake: FakeCri = {
    endpoint: `unix://${socket}`,
    runtime,
    calls,
    registry: new Set(),
    exec: () => ({ stdout: '', exitCode: 0 }),
    conditions: { runtime: true, network: true },
    handlers: [],
    features: undefined,
    obeyMs: 0,
    addImage(reference) {
      runtime.images.set(reference, `sha256:${createHash('sha256').update(reference).digest('hex')}`);
    },
    fail(method, details, times = Number.POSITIVE_INFINITY) {
      Object.assign(troubleOf(method), { failures: times, details });
    },
    delay(method, ms) {
      troubleOf(method).delayMs = ms;
    },
    heal: (method) => void troubles.delete(method),
    exit(name, exitCode, message = '') {
      const running = [...runtime.containers.values()].filter(
        ({ config, state }) => config.metadata?.name === name && state === ContainerState.CONTAINER_RUNNING,
      );
      const newest = running.at(-1);
      if (newest === undefined) throw new Error(`no container ${name} runs`);
      runtime.exit(newest, exitCode, exitCode === 0 ? 'Completed' : 'Error');
      newest.message = message;
    },
    async goAway() {
      server?.forceShutdown();
      server = undefined;
      await rm(socket, { force: true });
    },
    comeBack: serve,
    async stop() {
      await fake.goAway();
      for (const timer of timers) clearTimeout(timer);
      await rm(dir, { recursive: true, force: true });
    },
  };
  await serve();
  return fake;
}

type Handlers = {
  [M in MethodName]?: (request: CriMethods[M]['request']) => object | Promise<object>;
};

function createHandlers(fakeOf: () => FakeCri, wait: (ms: number) => Promise<void>): Handlers {
  const imageOf = (reference: string) => {
    const { images } = fakeOf().runtime;
    const id = images.get(reference) ?? [...images.values()].find((value) => value === reference);
    if (id === undefined) return undefined;
    const repoTags = [...images].filter(([, value]) => value === id).map(([name]) => name);
    return { id, repoTags, size: 1, username: '' };
  };
  const rt = (): FakeRuntime => fakeOf().runtime;

  return {
    Version: () => ({
      version: '0.1.0',
      runtimeName: 'fake',
      runtimeVersion: '1.0.0',
      runtimeApiVersion: 'v1',
    }),
    Status: () => ({
      status: {
        conditions: [
          { type: 'RuntimeReady', status: fakeOf().conditions.runtime },
          {
            type: 'NetworkReady',
            status: fakeOf().conditions.network,
            ...(fakeOf().conditions.network
              ? {}
              : { reason: 'NetworkPluginNotReady', message: 'cni not ready' }),
          },
        ],
      },
      runtimeHandlers: fakeOf().handlers,
      features: fakeOf().features,
    }),
    RuntimeConfig: () => ({ linux: { cgroupDriver: 1 } }),
    RunPodSandbox: ({ config }) => {
      if (config === undefined) throw new Refusal(3, 'no config');
      return { podSandboxId: rt().runSandbox(config) };
    },
    StopPodSandbox: ({ podSandboxId }) => {
      if (rt().sandboxes.has(podSandboxId)) rt().stopSandbox(podSandboxId);
      return {};
    },
    RemovePodSandbox: ({ podSandboxId }) => {
      rt().removeSandbox(podSandboxId);
      return {};
    },
    PodSandboxStatus: ({ podSandboxId }) => ({ status: rt().sandboxStatus(rt().sandbox(podSandboxId)) }),
    ListPodSandbox: ({ filter }) => ({
      items: [...rt().sandboxes.values()]
        .filter(
          ({ id, config }) =>
            (!filter?.id || filter.id === id) && matches(config.labels, filter?.labelSelector),
        )
        .map((sandbox) => rt().sandboxItem(sandbox)),
    }),
    CreateContainer: ({ podSandboxId, config }) => {
      if (config === undefined) throw new Refusal(3, 'no config');
      if (imageOf(config.image?.image ?? '') === undefined) throw new Refusal(NOT_FOUND, 'image not found');
      return { containerId: rt().createContainer(podSandboxId, config) };
    },
    StartContainer: ({ containerId }) => {
      rt().startContainer(containerId);
      return {};
    },
    async StopContainer({ containerId, timeout }) {
      const container = rt().container(containerId);
      const { obeyMs } = fakeOf();
      const graceMs = timeout * 1000;
      await wait(Math.min(obeyMs, graceMs));
      rt().exit(container, obeyMs <= graceMs ? 0 : 137, obeyMs <= graceMs ? 'Completed' : 'Error');
      return {};
    },
    RemoveContainer: ({ containerId }) => {
      rt().removeContainer(containerId);
      return {};
    },
    ListContainers: ({ filter }) => ({
      containers: [...rt().containers.values()]
        .filter(
          ({ id, sandboxId, config }) =>
            (!filter?.id || filter.id === id) &&
            (!filter?.podSandboxId || filter.podSandboxId === sandboxId) &&
            matches(config.labels, filter?.labelSelector),
        )
        .map((container) => rt().containerItem(container)),
    }),
    ContainerStatus: ({ containerId }) => ({ status: rt().containerStatus(rt().container(containerId)) }),
    ExecSync: ({ containerId, cmd }) => {
      if (rt().container(containerId).state !== ContainerState.CONTAINER_RUNNING) {
        throw new Refusal(UNKNOWN, 'container is not running');
      }
      const { stdout, exitCode } = fakeOf().exec(containerId, cmd);
      return { stdout: Buffer.from(stdout), exitCode };
    },
    ListImages: () => ({
      images: [...new Set(rt().images.values())].map((id) => imageOf(id)),
    }),
    ImageStatus: ({ image }) => {
      const found = imageOf(image?.image ?? '');
      return found === undefined ? {} : { image: found };
    },
    PullImage: ({ image }) => {
      const reference = image?.image ?? '';
      if (!fakeOf().registry.has(reference)) {
        throw new Refusal(NOT_FOUND, `failed to resolve reference "${reference}": not found`);
      }
      fakeOf().addImage(reference);
      return { imageRef: rt().images.get(reference) };
    },
  };
}

type Answer = (method: MethodName, request: object, cancelled: () => boolean) => Promise<object>;

function serviceOf(
  service: string,
  answer: Answer,
): [ServiceDefinition, Record<string, handleUnaryCall<object, object>>] {
  const codec = createCriCodec();
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: Record<string, handleUnaryCall<object, object>> = {};
  for (const [method, [owner, request, response, stream]] of Object.entries(METHODS)) {
    if (owner !== `runtime.v1.${service}` || stream !== undefined) continue;
    definition[method] = {
      path: `/runtime.v1.${service}/${method}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: object) => Buffer.from(codec.encode(request, value)),
      requestDeserialize: (bytes) => codec.decode(request, bytes),
      responseSerialize: (value: object) => Buffer.from(codec.encode(response, value)),
      responseDeserialize: (bytes) => codec.decode(response, bytes),
    };
    implementation[method] = (call, done) => {
      answer(method as MethodName, call.request, () => call.cancelled).then(
        (value) => done(null, value),
        (error: Error) => done({ code: error instanceof Refusal ? error.code : 13, details: error.message }),
      );
    };
  }
  return [definition, implementation];
}
