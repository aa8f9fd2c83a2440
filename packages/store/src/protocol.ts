import type { Migration, Row, Statement } from './types.ts';

/** What the main thread gives the worker when it starts. */
export interface WorkerSetup {
  readonly path: string;
  readonly migrations: readonly Migration[];
  /** Becomes the store's identity when the file has none. */
  readonly newEpoch: string;
}

export type Call =
  | { readonly id: number; readonly write: readonly Statement[] }
  | { readonly id: number; readonly read: Statement };

/** How a failure is told across threads; becomes a catalogue error on the main thread. */
export interface Failure {
  readonly kind: 'full' | 'failed' | 'damaged' | 'newer';
  readonly problem: string;
  readonly found?: number;
  readonly known?: number;
}

export type Reply =
  | { readonly id: number; readonly changes: readonly number[] }
  | { readonly id: number; readonly rows: readonly Row[] }
  | { readonly id: number; readonly failure: Failure };

export interface Opened {
  readonly epoch: string;
  /** Set when the file that was there could not be used. */
  readonly setAside?: { readonly file: string; readonly problem: string };
}

export type ToWorker = { readonly calls: readonly Call[] } | { readonly close: true };

export type FromWorker =
  | { readonly opened: Opened }
  | { readonly failedToOpen: Failure }
  | { readonly replies: readonly Reply[] };
