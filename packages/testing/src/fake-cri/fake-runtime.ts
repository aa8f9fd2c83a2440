import { randomBytes } from 'node:crypto';
import {
  type ContainerConfig,
  ContainerEventType,
  ContainerState,
  type PodSandboxConfig,
} from '@kubeedge-ts/cri';
import { FakeContainer } from './fake-container.ts';
import type { FakeImageOptions } from './images.ts';
import { NOT_FOUND, Refusal, UNKNOWN } from './refusal.ts';

export type { FakeContainer };

export interface FakeSandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAt: number;
  readonly runtimeHandler: string;
  ready: boolean;
  ip: string;
}

export interface FakeRuntimeOptions {
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly hurry: number;
  /** `id` of a container, or of a sandbox, whose own container it then is. */
  readonly onEvent: (type: number, id: string, sandboxId: string) => void;
}

/** Sandboxes and containers in memory, behaving as containerd's CRI plugin does. */
export class FakeRuntime {
  readonly sandboxes = new Map<string, FakeSandbox>();
  readonly containers = new Map<string, FakeContainer>();
  readonly #options: FakeRuntimeOptions;
  #lastTime = 0;
  #lastIp = 1;

  constructor(options: FakeRuntimeOptions) {
    this.#options = options;
  }

  /** Nanoseconds, each later than the one before even in one millisecond, as far as a double can tell. */
  now(): number {
    this.#lastTime = Math.max(this.#options.clock() * 1e6, this.#lastTime + 1024);
    return this.#lastTime;
  }

  runSandbox(config: PodSandboxConfig, runtimeHandler = ''): string {
    const { metadata } = config;
    for (const { config: other, id } of this.sandboxes.values()) {
      const same = other.metadata?.uid === metadata?.uid && other.metadata?.attempt === metadata?.attempt;
      if (same && other.metadata?.name === metadata?.name) throw reserved('sandbox', metadata?.name, id);
    }
    const id = newId();
    const host = config.linux?.securityContext?.namespaceOptions?.network === 2;
    this.#lastIp = (this.#lastIp % 250) + 1;
    const ip = host ? '' : `10.250.0.${this.#lastIp}`;
    this.sandboxes.set(id, { id, config, createdAt: this.now(), runtimeHandler, ready: true, ip });
    this.#options.onEvent(ContainerEventType.CONTAINER_CREATED_EVENT, id, id);
    this.#options.onEvent(ContainerEventType.CONTAINER_STARTED_EVENT, id, id);
    return id;
  }

  stopSandbox(id: string): void {
    const sandbox = this.sandbox(id);
    for (const container of this.containersOf(sandbox.id)) container.exit(137);
    if (!sandbox.ready) return;
    sandbox.ready = false;
    this.#options.onEvent(ContainerEventType.CONTAINER_STOPPED_EVENT, sandbox.id, sandbox.id);
  }

  removeSandbox(id: string): void {
    if (!this.sandboxes.has(id)) return;
    this.stopSandbox(id);
    for (const container of this.containersOf(id)) this.removeContainer(container.id);
    this.sandboxes.delete(id);
    this.#options.onEvent(ContainerEventType.CONTAINER_DELETED_EVENT, id, id);
  }

  createContainer(sandboxId: string, config: ContainerConfig, image: FakeImageOptions = {}): string {
    const sandbox = this.sandbox(sandboxId);
    for (const other of this.containers.values()) {
      const { metadata } = other.config;
      const uid = this.sandboxes.get(other.sandboxId)?.config.metadata?.uid;
      if (
        uid === sandbox.config.metadata?.uid &&
        metadata?.name === config.metadata?.name &&
        metadata?.attempt === config.metadata?.attempt
      ) {
        throw reserved('container', metadata?.name, other.id);
      }
    }
    const id = newId();
    const container = new FakeContainer({
      id,
      sandboxId: sandbox.id,
      sandbox: sandbox.config,
      config,
      image,
      createdAt: this.now(),
      hurry: this.#options.hurry,
      now: () => this.now(),
      onExit: () => this.#options.onEvent(ContainerEventType.CONTAINER_STOPPED_EVENT, id, sandbox.id),
    });
    this.containers.set(id, container);
    this.#options.onEvent(ContainerEventType.CONTAINER_CREATED_EVENT, id, sandbox.id);
    return id;
  }

  startContainer(id: string): void {
    const container = this.container(id);
    if (container.state !== ContainerState.CONTAINER_CREATED) {
      const state = container.isRunning ? 'CONTAINER_RUNNING' : 'CONTAINER_EXITED';
      throw new Refusal(
        UNKNOWN,
        `failed to set starting state for container "${id}": container is in ${state} state`,
      );
    }
    if (this.sandboxes.get(container.sandboxId)?.ready !== true) {
      container.exit(128, 'StartError');
      throw new Refusal(UNKNOWN, `sandbox container "${container.sandboxId}" is not running`);
    }
    container.start();
    this.#options.onEvent(ContainerEventType.CONTAINER_STARTED_EVENT, container.id, container.sandboxId);
  }

  removeContainer(id: string): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    if (container.isRunning) container.exit(137);
    this.containers.delete(id);
    this.#options.onEvent(ContainerEventType.CONTAINER_DELETED_EVENT, id, container.sandboxId);
  }

  /** By its id, or the beginning of it. @throws Refusal NOT_FOUND */
  sandbox(id: string): FakeSandbox {
    const found = byId(this.sandboxes, id);
    if (found === undefined) {
      throw new Refusal(NOT_FOUND, `an error occurred when try to find sandbox "${id}": not found`);
    }
    return found;
  }

  /** By its id, or the beginning of it. @throws Refusal NOT_FOUND */
  container(id: string): FakeContainer {
    const found = byId(this.containers, id);
    if (found === undefined) {
      throw new Refusal(NOT_FOUND, `an error occurred when try to find container "${id}": not found`);
    }
    return found;
  }

  containersOf(sandboxId: string): FakeContainer[] {
    return [...this.containers.values()].filter((container) => container.sandboxId === sandboxId);
  }

  /** Ends what runs, so that no timer is left. */
  end(): void {
    for (const container of this.containers.values()) if (container.isRunning) container.exit(137);
  }
}

function byId<T>(all: ReadonlyMap<string, T>, id: string): T | undefined {
  if (id === '') return undefined;
  return all.get(id) ?? [...all].find(([whole]) => whole.startsWith(id))?.[1];
}

function reserved(kind: string, name: string | undefined, id: string): Refusal {
  const text = `failed to reserve ${kind} name "${name}": name "${name}" is reserved for "${id}"`;
  return new Refusal(UNKNOWN, text);
}

function newId(): string {
  return randomBytes(32).toString('hex');
}
