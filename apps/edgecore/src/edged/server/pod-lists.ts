import type { Pod } from '@kubeedge-ts/apis';
import { ContainerState, type CriClient, PodSandboxState } from '@kubeedge-ts/cri';
import { LABEL, podOf } from '../runtime/labels.ts';
import { sendJson } from './http-answers.ts';
import type { Answer } from './kubelet-api.ts';

/** `/pods`: the pods this node has been told of, each with the status it has here now. */
export function createPodsAnswer(pods: () => readonly Pod[]): Answer {
  return (_ask, response) => sendJson(response, podList(pods().map((pod) => ({ ...pod, ...TYPE }))));
}

/** `/runningpods`: what the runtime has, wanted or not. */
export function createRunningPodsAnswer(cri: Pick<CriClient, 'listPodSandbox' | 'listContainers'>): Answer {
  return async ({ signal }, response) => {
    const [{ items }, { containers }] = await Promise.all([
      cri.listPodSandbox({ filter: { state: { state: PodSandboxState.SANDBOX_READY } } }, { signal }),
      cri.listContainers({ filter: { state: { state: ContainerState.CONTAINER_RUNNING } } }, { signal }),
    ]);
    const pods = items.flatMap((sandbox) => {
      const pod = podOf(sandbox.labels);
      if (pod === undefined) return [];
      const running = containers
        .filter(({ podSandboxId }) => podSandboxId === sandbox.id)
        .map(({ labels, metadata, image }) => ({
          name: labels[LABEL.containerName] ?? metadata?.name ?? '',
          image: image?.image ?? '',
          resources: {},
        }));
      return [
        { ...TYPE, metadata: { ...pod, creationTimestamp: null }, spec: { containers: running }, status: {} },
      ];
    });
    sendJson(response, podList(pods));
  };
}

const TYPE = { apiVersion: 'v1', kind: 'Pod' };

function podList(items: readonly object[]): object {
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}
