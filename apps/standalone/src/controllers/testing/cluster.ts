import { type Deployment, type Node, namespaces, nodes, type Pod, pods } from '@kubeedge-ts/apis';
import {
  createFakeKube,
  createVirtualClock,
  type FakeKubeOptions,
  type FaultScript,
  withFaults,
} from '@kubeedge-ts/kube/testing';
import { rfc3339, seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import type { Controller, ControllerPorts } from '../context.ts';
import { createEventRecorder, type EventRecorder } from '../event-recorder.ts';
import { createInformers, type Informers } from '../informers.ts';

export const NAMESPACE = 'shop';

/** A fake API on virtual time, with controllers on it and a kubelet for all nodes. */
export function createCluster({ script, ...options }: FakeKubeOptions & { script?: FaultScript } = {}) {
  const clock = createVirtualClock();
  const kube = createFakeKube({ clock, ...options });
  const client = withFaults(kube, script ?? (() => undefined), clock);
  const ports: ControllerPorts = { client, clock, random: seededRandom(5), log: silentLogger };
  const stop = new AbortController();
  const started: { stop(): Promise<void> }[] = [];

  return {
    clock,
    kube,
    ports,
    /** Starts controllers on shared informers. */
    async run(
      create: (ports: ControllerPorts, informers: Informers, recorder: EventRecorder) => Controller[],
    ) {
      const informers = createInformers(ports);
      started.push(...create(ports, informers, createEventRecorder('test', ports)));
      for (const informer of Object.values(informers)) informer.start(stop.signal);
      await clock.advance(0);
      return informers;
    },
    /** What a kubelet does: pods run and are ready, deleted pods go. `broken` images never become ready. */
    async kubelet(node = 'n1') {
      for (const pod of kube.objects(pods)) {
        const key = { namespace: pod.metadata.namespace, name: pod.metadata.name };
        if (pod.metadata.deletionTimestamp !== undefined) kube.remove(pods, key);
        else if (pod.status?.phase !== 'Running') kube.put(pods, running(pod, node, clock.now()));
      }
      await clock.advance(100);
    },
    async stop() {
      stop.abort(new Error('test over'));
      const ended = Promise.all(started.map((controller) => controller.stop()));
      await clock.advance(0);
      await ended;
    },
  };
}

export function running(pod: Pod, node: string, nowMs: number): Pod {
  const broken = pod.spec?.containers[0]?.image === 'broken';
  return {
    ...pod,
    spec: { ...pod.spec, nodeName: node } as Pod['spec'],
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: broken ? 'False' : 'True', lastTransitionTime: rfc3339(nowMs) }],
    },
  };
}

export function deployment(name: string, change: Partial<NonNullable<Deployment['spec']>> = {}): Deployment {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'c', image: 'one' }] },
      },
      ...change,
    },
  };
}

export function node(name: string, change: Partial<Node> = {}): Node {
  return {
    metadata: { name },
    status: {
      allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
    ...change,
  };
}

export { namespaces, nodes };
