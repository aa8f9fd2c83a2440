import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { podLogDirectory } from '../runtime/sandbox-config.ts';

export interface RunningLog {
  readonly containerId: string;
  /** `<pod logs>/<namespace>_<name>_<uid>/<container>/<restart count>.log` */
  readonly path: string;
}

/** The logs that are being written, according to the statuses of the pods. */
export function runningLogs(podLogsDir: string, pods: readonly Pod[]): RunningLog[] {
  return pods.flatMap((pod) => {
    const {
      containerStatuses = [],
      initContainerStatuses = [],
      ephemeralContainerStatuses = [],
    } = pod.status ?? {};
    return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].flatMap(
      ({ name, state, containerID, restartCount }) => {
        const containerId = bareContainerId(containerID);
        if (state?.running === undefined || containerId === undefined) return [];
        return [{ containerId, path: join(podLogDirectory(podLogsDir, pod), name, `${restartCount}.log`) }];
      },
    );
  });
}

/** `containerd://<id>` → `<id>`; undefined when there is none. */
export function bareContainerId(id: string | undefined): string | undefined {
  const bare = id?.slice(id.indexOf('://') + 3);
  return bare === '' ? undefined : bare;
}
