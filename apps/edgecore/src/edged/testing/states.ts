import type { Pod, PodStatus } from '@kubeedge-ts/apis';
import type { PodRuntime, PodState, RuntimeContainer, Sandbox } from '../pod/types.ts';
import { pod } from './pods.ts';

/** Midnight of a day in tests. */
export const T0 = Date.parse('2026-11-22T00:00:00Z');
export const seconds = (count: number): number => count * 1_000;

export function sandbox(fields: Partial<Sandbox> = {}): Sandbox {
  return {
    id: 's0',
    attempt: 0,
    ready: true,
    createdAt: T0 - seconds(60),
    ips: ['10.1.0.2'],
    hostNetwork: false,
    ...fields,
  };
}

export function run(name: string, fields: Partial<RuntimeContainer> = {}): RuntimeContainer {
  return {
    id: `${name}-${fields.restartCount ?? 0}`,
    sandboxId: 's0',
    name,
    restartCount: 0,
    state: 'running',
    createdAt: T0 - seconds(50) + (fields.restartCount ?? 0),
    startedAt: T0 - seconds(50),
    finishedAt: 0,
    exitCode: 0,
    reason: '',
    message: '',
    image: 'docker.io/library/busybox:1',
    imageId: 'sha256:aa',
    specImage: 'docker.io/library/busybox:1',
    ...fields,
  };
}

export function exited(
  name: string,
  exitCode: number,
  fields: Partial<RuntimeContainer> = {},
): RuntimeContainer {
  return run(name, {
    state: 'exited',
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    finishedAt: T0 - seconds(1),
    ...fields,
  });
}

export interface StateParts extends Partial<Omit<PodState, 'runtime' | 'node'>> {
  readonly pod?: Pod;
  readonly sandboxes?: readonly Sandbox[];
  /** Newest first. */
  readonly containers?: readonly RuntimeContainer[];
  readonly previous?: PodStatus;
  readonly networkProblem?: string;
}

export function state(parts: StateParts = {}): PodState {
  const { sandboxes = [], containers = [], networkProblem, ...rest } = parts;
  const runtime: PodRuntime = { sandboxes, containers };
  return {
    pod: pod('web'),
    gone: false,
    previous: {},
    failures: new Map(),
    crashes: new Map(),
    replaced: new Map(),
    probes: new Map(),
    order: undefined,
    endingSince: undefined,
    held: false,
    released: false,
    ...rest,
    runtime,
    node: { hostIPs: ['192.0.2.10'], runtimeName: 'containerd', networkProblem },
  };
}
