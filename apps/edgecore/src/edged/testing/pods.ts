import type { Container, Pod, PodSpec } from '@kubeedge-ts/apis';

let count = 0;

/** A pod as the cloud sends it: bound, with the API server's defaults. */
export function pod(name: string, spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  count += 1;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `00000000-0000-4000-8000-${String(process.pid * 1000 + count).padStart(12, '0')}`,
      ...metadata,
    },
    spec: {
      nodeName: 'edge-a',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      securityContext: {},
      enableServiceLinks: true,
      containers: [container('main')],
      ...spec,
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  };
}

export function container(name: string, fields: Partial<Container> = {}): Container {
  return {
    name,
    image: 'docker.io/library/busybox:1',
    command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'],
    imagePullPolicy: 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
    ...fields,
  };
}

/** The same pod, asked to end. */
export function deleting(from: Pod, graceSeconds: number): Pod {
  return {
    ...from,
    metadata: {
      ...from.metadata,
      deletionTimestamp: new Date().toISOString(),
      deletionGracePeriodSeconds: graceSeconds,
    },
  };
}
