import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Pod, PodStatus } from '@kubeedge-ts/apis';
import type { EdgedConfig } from '../../../apps/edgecore/src/edged/index.ts';
import type { StepPoint } from '../../../apps/edgecore/src/edged/runtime/carry-out.ts';

/** What the process is started with, on its command line. */
export interface EdgedProcessOrder {
  readonly endpoint: string;
  readonly config: EdgedConfig;
  /** What its store holds. */
  readonly pods: readonly Pod[];
  readonly objects: readonly { type: 'configmap' | 'secret'; name: string; content: object }[];
}

/** To the process. */
export type EdgedCommand =
  | { readonly put: Pod }
  | { readonly remove: Pod }
  /** Ends itself like kill -9 as soon as it gets there. */
  | { readonly crashAt: StepPoint };

/** From the process. */
export type EdgedNews =
  | { readonly started: true }
  | { readonly status: { readonly pod: string; readonly status: PodStatus } }
  | { readonly deleted: string };

/** Edged in a process of its own, so that it can be killed. */
export interface EdgedProcess {
  send(command: EdgedCommand): void;
  /** Last status by pod name. */
  readonly statuses: ReadonlyMap<string, PodStatus>;
  readonly deleted: ReadonlySet<string>;
  /** Resolves when it has ended by itself. */
  ended(): Promise<void>;
  stop(): Promise<void>;
}

export async function startEdgedProcess(
  order: EdgedProcessOrder,
  crashAt?: StepPoint,
): Promise<EdgedProcess> {
  const script = fileURLToPath(new URL('./edged-process-main.ts', import.meta.url));
  const child: ChildProcess = fork(script, [JSON.stringify({ ...order, crashAt })], { stdio: 'inherit' });
  const statuses = new Map<string, PodStatus>();
  const deleted = new Set<string>();
  const exited = once(child, 'exit');
  const started = Promise.withResolvers<void>();
  child.on('message', (news: EdgedNews) => {
    if ('started' in news) started.resolve();
    else if ('deleted' in news) deleted.add(news.deleted);
    else statuses.set(news.status.pod, news.status.status);
  });
  // A process that crashes on the way has started, too.
  await Promise.race([started.promise, exited]);
  return {
    send: (command) => void child.send(command),
    statuses,
    deleted,
    async ended() {
      await exited;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}
