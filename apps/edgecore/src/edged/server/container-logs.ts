import type { Pod } from '@kubeedge-ts/apis';
import { ContainerState, type CriClient } from '@kubeedge-ts/cri';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { openContainerLog } from '../container-logs/index.ts';
import { findContainer, findPod, loggedRun } from './find-container.ts';
import type { Answer } from './kubelet-api.ts';
import { parseLogQuery } from './log-query.ts';
import { refusal } from './refusal.ts';

export interface ContainerLogsOptions {
  readonly pods: () => readonly Pod[];
  readonly cri: Pick<CriClient, 'containerStatus'>;
  readonly clock: Clock;
}

/** `/containerLogs/{ns}/{pod}/{container}` (spec/edged.md §15). */
export function createContainerLogsAnswer({ pods, cri, clock }: ContainerLogsOptions): Answer {
  const pathOf = async (containerId: string, signal: AbortSignal): Promise<string> => {
    const { status } = await cri.containerStatus({ containerId }, { signal }).catch((error) => {
      if (!isKubeEdgeError(error, 'CRI_NOT_FOUND')) throw error;
      return { status: undefined };
    });
    const path = status?.logPath ?? '';
    if (path === '') throw refusal(400, `unable to retrieve container logs for ${containerId}`);
    return path;
  };
  /** A runtime that is away does not mean that its containers are. */
  const isRunning = async (containerId: string, signal: AbortSignal): Promise<boolean> => {
    try {
      const { status } = await cri.containerStatus({ containerId }, { signal });
      return status?.state === ContainerState.CONTAINER_RUNNING;
    } catch (error) {
      signal.throwIfAborted();
      if (isKubeEdgeError(error, 'CRI_NOT_FOUND')) return false;
      return true;
    }
  };

  return async ({ params, query, signal }, response) => {
    const reading = parseLogQuery(query, clock.now());
    const pod = findPod(pods(), params);
    const { name } = findContainer(pod, params['container'] ?? '');
    const containerId = loggedRun(pod, name, reading.previous);
    const path = await pathOf(containerId, signal);
    const log = await openContainerLog(path, reading, {
      clock,
      isRunning: (asking) => isRunning(containerId, asking),
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw refusal(404, `the log of container "${name}" is not there`);
    });
    response.writeHead(200, { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' });
    response.flushHeaders();
    // resolves when the bytes have left the buffer: a slow reader slows the reading
    const write = (text: Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => {
        response.write(text, (error) => (error ? reject(error) : resolve()));
      });
    await log.stream(write, signal);
    response.end();
  };
}
