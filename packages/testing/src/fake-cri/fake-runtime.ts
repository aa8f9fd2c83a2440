import { randomBytes } from 'node:crypto';
import {
  type Container,
  type ContainerConfig,
  ContainerState,
  type ContainerStatus,
  type PodSandbox,
  type PodSandboxConfig,
  PodSandboxState,
  type PodSandboxStatus,
} from '@kubeedge-ts/cri';

export interface FakeContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAt: number;
  state: number;
  startedAt: number;
  finishedAt: number;
  exitCode: number;
  reason: string;
  message: string;
}

export interface FakeSandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAt: number;
  ready: boolean;
  ip: string;
}

/** gRPC status a call is refused with. */
export class Refusal extends Error {
  readonly code: number;

  constructor(code: number, details: string) {
    super(details);
    this.code = code;
  }
}

export const NOT_FOUND = 5;
export const UNKNOWN = 2;

/** Sandboxes, containers and images in memory, behaving as containerd's CRI plugin does. */
export class FakeRuntime {
  readonly sandboxes = new Map<string, FakeSandbox>();
  readonly containers = new Map<string, FakeContainer>();
  /** Reference → image id. */
  readonly images = new Map<string, string>();
  readonly #clock: () => number;
  #lastTime = 0;
  #lastIp = 1;

  /** `clock`: milliseconds since the epoch. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Nanoseconds, each later than the one before even in one millisecond, as far as a double can tell. */
  now(): number {
    this.#lastTime = Math.max(this.#clock() * 1e6, this.#lastTime + 1024);
    return this.#lastTime;
  }

  runSandbox(config: PodSandboxConfig): string {
    const { metadata } = config;
    for (const { config: other } of this.sandboxes.values()) {
      const same = other.metadata?.uid === metadata?.uid && other.metadata?.attempt === metadata?.attempt;
      if (same && other.metadata?.name === metadata?.name) {
        throw new Refusal(UNKNOWN, `failed to reserve sandbox name "${metadata?.name}": name is reserved`);
      }
    }
    const id = newId();
    const host = config.linux?.securityContext?.namespaceOptions?.network === 2;
    this.#lastIp = (this.#lastIp % 250) + 1;
    const ip = host ? '' : `10.250.0.${this.#lastIp}`;
    this.sandboxes.set(id, { id, config, createdAt: this.now(), ready: true, ip });
    return id;
  }

  stopSandbox(id: string): void {
    const sandbox = this.sandbox(id);
    for (const container of this.containers.values()) {
      if (container.sandboxId === id) this.exit(container, 137, 'Error');
    }
    sandbox.ready = false;
  }

  removeSandbox(id: string): void {
    if (!this.sandboxes.has(id)) return;
    this.stopSandbox(id);
    for (const container of [...this.containers.values()]) {
      if (container.sandboxId === id) this.containers.delete(container.id);
    }
    this.sandboxes.delete(id);
  }

  createContainer(sandboxId: string, config: ContainerConfig): string {
    const sandbox = this.sandbox(sandboxId);
    if (!sandbox.ready) throw new Refusal(UNKNOWN, `sandbox container "${sandboxId}" is not running`);
    for (const other of this.containers.values()) {
      const { metadata } = other.config;
      const uid = this.sandboxes.get(other.sandboxId)?.config.metadata?.uid;
      if (
        uid === sandbox.config.metadata?.uid &&
        metadata?.name === config.metadata?.name &&
        metadata?.attempt === config.metadata?.attempt
      ) {
        throw new Refusal(UNKNOWN, `failed to reserve container name "${metadata?.name}": name is reserved`);
      }
    }
    const id = newId();
    this.containers.set(id, {
      id,
      sandboxId,
      config,
      createdAt: this.now(),
      state: ContainerState.CONTAINER_CREATED,
      startedAt: 0,
      finishedAt: 0,
      exitCode: 0,
      reason: '',
      message: '',
    });
    return id;
  }

  startContainer(id: string): void {
    const container = this.container(id);
    if (container.state !== ContainerState.CONTAINER_CREATED) {
      throw new Refusal(UNKNOWN, `container "${id}" is in a state in which it cannot be started`);
    }
    if (this.sandboxes.get(container.sandboxId)?.ready !== true) {
      this.exit(container, 128, 'StartError');
      throw new Refusal(UNKNOWN, `sandbox container "${container.sandboxId}" is not running`);
    }
    container.state = ContainerState.CONTAINER_RUNNING;
    container.startedAt = this.now();
  }

  /** Does nothing to a container that does not run. */
  exit(container: FakeContainer, exitCode: number, reason: string): void {
    if (container.state === ContainerState.CONTAINER_EXITED) return;
    container.state = ContainerState.CONTAINER_EXITED;
    container.finishedAt = this.now();
    container.exitCode = exitCode;
    container.reason = reason;
  }

  removeContainer(id: string): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    this.exit(container, 137, 'Error');
    this.containers.delete(id);
  }

  sandbox(id: string): FakeSandbox {
    const sandbox = this.sandboxes.get(id);
    if (sandbox === undefined)
      throw new Refusal(NOT_FOUND, `an error occurred when try to find sandbox: not found`);
    return sandbox;
  }

  container(id: string): FakeContainer {
    const container = this.containers.get(id);
    if (container === undefined) {
      throw new Refusal(NOT_FOUND, `an error occurred when try to find container "${id}": not found`);
    }
    return container;
  }

  sandboxItem({ id, config, createdAt, ready }: FakeSandbox): Partial<PodSandbox> {
    const { metadata, labels, annotations } = config;
    const state = ready ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;
    return { id, ...(metadata ? { metadata } : {}), state, createdAt, labels, annotations };
  }

  sandboxStatus(sandbox: FakeSandbox): Partial<PodSandboxStatus> {
    const options = sandbox.config.linux?.securityContext?.namespaceOptions;
    return {
      ...this.sandboxItem(sandbox),
      network: { ip: sandbox.ready ? sandbox.ip : '', additionalIps: [] },
      linux: { namespaces: options === undefined ? {} : { options } },
    };
  }

  containerItem({ id, sandboxId, config, state, createdAt }: FakeContainer): Partial<Container> {
    const { metadata, image, labels, annotations } = config;
    return {
      id,
      podSandboxId: sandboxId,
      ...(metadata ? { metadata } : {}),
      ...(image ? { image } : {}),
      imageRef: image?.image ?? '',
      state,
      createdAt,
      labels,
      annotations,
    };
  }

  containerStatus(container: FakeContainer): Partial<ContainerStatus> {
    const { config, sandboxId } = container;
    const id = config.image?.image ?? '';
    const name = [...this.images].find(([, imageId]) => imageId === id)?.[0] ?? id;
    const directory = this.sandboxes.get(sandboxId)?.config.logDirectory ?? '';
    return {
      id: container.id,
      ...(config.metadata ? { metadata: config.metadata } : {}),
      state: container.state,
      createdAt: container.createdAt,
      startedAt: container.startedAt,
      finishedAt: container.finishedAt,
      exitCode: container.exitCode,
      image: { image: name, annotations: {}, userSpecifiedImage: '', runtimeHandler: '' },
      imageRef: id,
      reason: container.reason,
      message: container.message,
      labels: config.labels,
      annotations: config.annotations,
      mounts: config.mounts,
      logPath: directory === '' ? '' : `${directory}/${config.logPath}`,
    };
  }
}

function newId(): string {
  return randomBytes(32).toString('hex');
}

export function matches(
  labels: Record<string, string>,
  selector: Record<string, string> | undefined,
): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}
