import type { Module } from '@kubeedge-ts/beehive';
import type { Controller, ControllerPorts } from './context.ts';
import { createDeploymentController } from './deployment/controller.ts';
import { createEventRecorder } from './event-recorder.ts';
import { createGarbageCollector } from './garbage/collector.ts';
import { createInformers } from './informers.ts';
import { createNamespaceContents } from './namespace-contents.ts';
import { createNamespaceDeletion } from './namespace-deletion.ts';
import { createNodeLifecycle } from './node/lifecycle.ts';
import { createPodGc } from './pod-gc.ts';
import { createReplicaSetController } from './replicaset/controller.ts';

export interface ControllersOptions extends ControllerPorts {
  /** PEM, handed to every namespace as `kube-root-ca.crt`. */
  readonly rootCa: string;
}

/** The control loops of a small cluster. They need nothing but a Kubernetes API, which need not be there yet. */
export function createControllers(options: ControllersOptions): Module {
  const stopping = new AbortController();
  let controllers: readonly Controller[] = [];
  const recorders: { flush(): Promise<void> }[] = [];

  return {
    name: 'controllers',
    async start() {
      const informers = createInformers(options);
      const recorder = (component: string) => {
        const created = createEventRecorder(component, options);
        recorders.push(created);
        return created;
      };
      controllers = [
        createNamespaceContents(options, informers, options.rootCa),
        createNamespaceDeletion(options, informers),
        createDeploymentController(options, informers, recorder('deployment-controller')),
        createReplicaSetController(options, informers, recorder('replicaset-controller')),
        createNodeLifecycle(options, informers, recorder('node-controller')),
        createPodGc(options, informers),
        createGarbageCollector(options),
      ];
      for (const informer of Object.values(informers)) informer.start(stopping.signal);
    },
    async stop() {
      await Promise.all(controllers.map((controller) => controller.stop()));
      stopping.abort(new Error('controllers stop'));
      await Promise.all(recorders.map((recorder) => recorder.flush()));
    },
  };
}
