import type { Container, ContainerStatus, Pod } from '@kubeedge-ts/apis';
import { bareContainerId } from '../container-logs/index.ts';
import { refusal } from './refusal.ts';

/** @throws KubeEdgeError EDGED_REQUEST 404; also when a uid is asked for and is another one's */
export function findPod(
  pods: readonly Pod[],
  { namespace, pod, uid }: Readonly<Record<string, string>>,
): Pod {
  const found = pods.find(
    ({ metadata }) => metadata.name === pod && (metadata.namespace ?? 'default') === namespace,
  );
  if (found === undefined) throw refusal(404, `pod "${pod}" does not exist`);
  if (uid !== undefined && found.metadata.uid !== uid)
    throw refusal(404, `pod "${pod}" with uid ${uid} not found`);
  return found;
}

/** The container of any kind. @throws KubeEdgeError EDGED_REQUEST 404 */
export function findContainer(pod: Pod, name: string): Container {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const found = [...containers, ...initContainers, ...ephemeralContainers].find((one) => one.name === name);
  if (found === undefined) throw refusal(404, `container "${name}" not found in pod "${pod.metadata.name}"`);
  return found as Container;
}

/**
 * Id in the runtime of the run whose log is asked for. @throws KubeEdgeError EDGED_REQUEST 400 in the kubelet's words
 */
export function loggedRun(pod: Pod, name: string, previous: boolean): string {
  const what = `container "${name}" in pod "${pod.metadata.name}"`;
  const status = statusOf(pod, name);
  if (status === undefined) throw refusal(400, `${what} is not available`);
  const last = bareContainerId(status.lastState?.terminated?.containerID);
  const { running, terminated, waiting } = status.state ?? {};
  if (previous) {
    if (last === undefined) throw refusal(400, `previous terminated ${what} not found`);
    return last;
  }
  if (running !== undefined) {
    const id = bareContainerId(status.containerID);
    if (id !== undefined) return id;
  }
  if (terminated !== undefined || status.lastState?.terminated !== undefined) {
    const id = bareContainerId(terminated?.containerID) ?? last;
    if (id === undefined) throw refusal(400, `${what} is terminated`);
    return id;
  }
  const reason = waiting?.reason;
  const why =
    reason === 'ErrImagePull'
      ? ": image can't be pulled"
      : reason === 'ImagePullBackOff'
        ? ': trying and failing to pull image'
        : reason === undefined
          ? ' - no logs yet'
          : `: ${reason}`;
  throw refusal(400, `${what} is waiting to start${why}`);
}

function statusOf({ status }: Pod, name: string): ContainerStatus | undefined {
  const {
    containerStatuses = [],
    initContainerStatuses = [],
    ephemeralContainerStatuses = [],
  } = status ?? {};
  return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    (one) => one.name === name,
  );
}
