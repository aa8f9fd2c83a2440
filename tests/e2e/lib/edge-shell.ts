import { type Kubectl, until } from '@kubeedge-ts/testing/site';

const IMAGE = 'docker.io/library/busybox:1';

export interface PodExtras {
  readonly restartPolicy?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly readinessProbe?: object;
  readonly volumes?: readonly object[];
  readonly volumeMounts?: readonly object[];
  /** More containers, by name: their scripts. */
  readonly beside?: Readonly<Record<string, string>>;
}

/** A pod of one container `main` that runs a shell script on the node. Ends at once when deleted. */
export function shellPod(name: string, nodeName: string, script: string, extras: PodExtras = {}): object {
  const { restartPolicy = 'Always', stdin, tty, readinessProbe, volumes, volumeMounts, beside = {} } = extras;
  const container = (containerName: string, text: string) => ({
    name: containerName,
    image: IMAGE,
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', text],
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName,
      restartPolicy,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          ...container('main', script),
          ...(stdin ? { stdin } : {}),
          ...(tty ? { tty } : {}),
          ...(readinessProbe ? { readinessProbe } : {}),
          ...(volumeMounts ? { volumeMounts } : {}),
        },
        ...Object.entries(beside).map(([containerName, text]) => container(containerName, text)),
      ],
      ...(volumes ? { volumes } : {}),
    },
  };
}

/** Goes on until the pod is deleted. busybox is there under the name `kubectl cp` calls. */
export const STAY = 'ln -s /bin/busybox /bin/tar; trap "exit 0" TERM; while true; do sleep 0.1; done';

export async function applyPods(kubectl: Kubectl, pods: readonly object[]): Promise<void> {
  await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: pods }));
}

export async function podRuns(kubectl: Kubectl, name: string): Promise<void> {
  await until(
    `${name} is Running`,
    async () => (await kubectl(['get', 'pod', name, '-o', 'jsonpath={.status.phase}'])) === 'Running',
    { timeoutMs: 60_000 },
  );
}

/** Waits until cloudcore has published where the node's kubelet API is, and the API server gets through to it. */
export async function kubeletReachable(kubectl: Kubectl, nodeName: string): Promise<void> {
  await until(
    `the kubelet API of ${nodeName} answers through the API server`,
    async () => (await kubectl(['get', '--raw', `/api/v1/nodes/${nodeName}/proxy/healthz`])) === 'ok',
    { timeoutMs: 60_000 },
  );
}
