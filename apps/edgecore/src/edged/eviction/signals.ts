import type { Pressure } from '../admission/index.ts';

/** What is watched: how much of something is left. */
export type Signal =
  | 'memory.available'
  | 'allocatableMemory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'pid.available';

export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

export interface SignalFacts {
  readonly resource: StarvedResource;
  readonly pressure: Pressure;
}

export const SIGNALS: Readonly<Record<Signal, SignalFacts>> = {
  'memory.available': { resource: 'memory', pressure: 'MemoryPressure' },
  'allocatableMemory.available': { resource: 'memory', pressure: 'MemoryPressure' },
  'nodefs.available': { resource: 'ephemeral-storage', pressure: 'DiskPressure' },
  'nodefs.inodesFree': { resource: 'inodes', pressure: 'DiskPressure' },
  'imagefs.available': { resource: 'ephemeral-storage', pressure: 'DiskPressure' },
  'imagefs.inodesFree': { resource: 'inodes', pressure: 'DiskPressure' },
  'pid.available': { resource: 'pids', pressure: 'PIDPressure' },
};

export function isSignal(name: string): name is Signal {
  return Object.hasOwn(SIGNALS, name);
}

/** One look at a signal: bytes, inodes or processes. */
export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

/** A signal that could not be looked at is absent. */
export type Observations = ReadonlyMap<Signal, Observation>;
