import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Database, openDatabase, openFailure } from './database.ts';
import type { Call, FromWorker, ToWorker, WorkerSetup } from './protocol.ts';

/**
 * The thread that owns the database file. Started by `openStore`, in source mode from this file, in a release from
 * its own bundle. It imports nothing but `node:` modules: every megabyte here is resident for ever.
 */
const CALLS_PER_COMMIT = 1_000;

const port = parentPort;
if (port === null) throw new TypeError('the store worker is started by openStore');
const tell = (message: FromWorker): void => port.postMessage(message);

function serve(database: Database): void {
  const queue: Call[] = [];
  let closing = false;
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
      else if (queue.length > 0) tell({ replies: database.run(queue.splice(0, CALLS_PER_COMMIT)) });
      else break;
    }
    if (closing) {
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
