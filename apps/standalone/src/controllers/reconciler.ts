import { errorText } from '@kubeedge-ts/errors';
import { createWorkQueue, isConflict, type WorkQueue } from '@kubeedge-ts/kube';
import type { ControllerPorts } from './context.ts';

export interface ReconcilerOptions {
  readonly name: string;
  /** Caches the reconciler reads; it waits until all are filled. */
  readonly needs: readonly { readonly synced: Promise<void> }[];
  readonly concurrency?: number;
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<void>;
}

export interface Reconciler extends Pick<WorkQueue, 'add' | 'addAfter' | 'idle'> {
  stop(): Promise<void>;
}

/** Conflicts mean that the cache was behind; it catches up within moments. */
const CONFLICT_RETRY_MS = 50;

export function createReconciler(
  options: ReconcilerOptions,
  ports: Pick<ControllerPorts, 'clock' | 'random' | 'log'>,
): Reconciler {
  const { name, reconcile, concurrency = 2 } = options;
  const log = ports.log.child({ controller: name });
  const stopped = Promise.withResolvers<'stopped'>();
  const ready = Promise.race([
    Promise.all(options.needs.map((informer) => informer.synced)),
    stopped.promise,
  ]);
  const handler = async (key: string, signal: AbortSignal): Promise<void> => {
    await ready;
    if (signal.aborted) return;
    try {
      await reconcile(key, signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
      log.debug({ key, err: errorText(error) }, 'conflict, will look again');
      queue.addAfter(key, CONFLICT_RETRY_MS);
    }
  };
  const queue = createWorkQueue(
    { name, concurrency, handler, backoff: { initialMs: 20, maxMs: 30_000 } },
    { ...ports, log },
  );
  return {
    add: queue.add,
    addAfter: queue.addAfter,
    idle: queue.idle,
    stop() {
      stopped.resolve('stopped');
      return queue.shutdown();
    },
  };
}
