import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { collectWhenIdle, thoroughCollection } from '@kubeedge-ts/runtime/idle-collector';
import { type Database, openDatabase, openFailure } from './database.ts';
import type { Call, FromWorker, ToWorker, WorkerSetup } from './protocol.ts';

/**
 * The thread that owns the database file. Started by `openStore`, in source mode from this file, in a release from
 * its own bundle. It imports next to nothing but `node:` modules: every megabyte here is resident for ever.
 */
const CALLS_PER_COMMIT = 1_000;
/** Calls per period of the idle collector; heartbeats and statuses stay far below. */
const IDLE_CALLS = 50;

const port = parentPort;
if (port === null) throw new TypeError('the store worker is started by openStore');
const tell = (message: FromWorker): void => port.postMessage(message);

/** Its timers do not keep the thread alive. */
const backgroundClock = {
  after: (ms: number, task: () => void) => {
    const timer = setTimeout(task, ms).unref();
    return () => clearTimeout(timer);
  },
};
const heapSize = (): number => process.memoryUsage().heapTotal;

function serve(database: Database): void {
  const queue: Call[] = [];
  let closing = false;
  let served = 0;
  const collect = thoroughCollection();
  const stopping = new AbortController();
  if (collect !== undefined) {
    const ports = {
      clock: backgroundClock,
      work: () => served,
      busyAbove: IDLE_CALLS,
      size: heapSize,
      collect,
    };
    collectWhenIdle(ports, stopping.signal);
  }
  const accept = (message: ToWorker): void => {
    if ('close' in message) closing = true;
    else queue.push(...message.calls);
  };
  port?.on('message', (first: ToWorker) => {
    accept(first);
    // Everything that arrived while the last commit was on its way joins this one.
    for (;;) {
      const next = queue.length < CALLS_PER_COMMIT ? receiveMessageOnPort(port) : undefined;
      if (next !== undefined) accept(next.message as ToWorker);
      else if (queue.length > 0) {
        const calls = queue.splice(0, CALLS_PER_COMMIT);
        served += calls.length;
        tell({ replies: database.run(calls) });
      } else break;
    }
    if (closing) {
      stopping.abort();
      database.close();
      port.close();
    }
  });
}

try {
  const database = openDatabase(workerData as WorkerSetup, Date.now);
  tell({ opened: database.opened });
  serve(database);
} catch (error) {
  tell({ failedToOpen: openFailure(error) });
  port.close();
}
