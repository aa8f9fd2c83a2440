import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { findContainer, findPod } from './find-container.ts';
import { sendJson } from './http-answers.ts';
import type { Answer } from './kubelet-api.ts';
import { refusal } from './refusal.ts';
import { runningContainer } from './streams.ts';

export interface CheckpointOptions {
  readonly pods: () => readonly Pod[];
  readonly cri: Pick<CriClient, 'listContainers' | 'checkpointContainer'>;
  readonly rootDir: string;
  readonly clock: Clock;
}

/** `/checkpoint/{ns}/{pod}/{container}`: answers with where the archive lies, below `<root>/checkpoints`. */
export function createCheckpointAnswer({ pods, cri, rootDir, clock }: CheckpointOptions): Answer {
  return async ({ params, query, signal }, response) => {
    const pod = findPod(pods(), params);
    const { name } = findContainer(pod, params['container'] ?? '');
    const timeout = query.getAll('timeout').at(-1) ?? '0';
    if (!/^\d{1,9}$/.test(timeout)) throw refusal(404, 'cannot parse value of timeout parameter');
    const containerId = await runningContainer(cri, pod, name, signal);
    const { namespace = 'default', name: podName } = pod.metadata;
    const directory = join(rootDir, 'checkpoints');
    const file = `checkpoint-${podName}_${namespace}-${name}-${rfc3339(clock.now())}.tar`;
    const location = join(directory, file);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const seconds = Number(timeout);
      const limit = seconds > 0 ? { timeoutMs: seconds * 1_000 } : {};
      await cri.checkpointContainer({ containerId, location, timeout: seconds }, { signal, ...limit });
    } catch (error) {
      const what = `checkpointing of ${namespace}/${podName}/${name} failed`;
      throw refusal(500, `${what} (${errorText(error)})`);
    }
    sendJson(response, { items: [location] });
  };
}
