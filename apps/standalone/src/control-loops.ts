import type { Module } from '@kubeedge-ts/beehive';
import { createKubeClient, fixedCredentials, type KubeClient } from '@kubeedge-ts/kube';
import { type Clock, type Logger, type Random, VERSION } from '@kubeedge-ts/runtime';
import type { ApiModule } from './api-module.ts';
import { createControllers } from './controllers/index.ts';
import { createScheduler } from './scheduler/index.ts';

/**
 * Controllers and scheduler of this process. They are clients of the API server like any other, so each part is
 * created when the address it listens on is known.
 */
export function createControlLoops(
  api: ApiModule,
  ports: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
): readonly Module[] {
  return [
    onceServed('controllers', 'kube-controller-manager', api, ports, (client, { caPem }) =>
      createControllers({ client, ...ports, rootCa: caPem }),
    ),
    onceServed('scheduler', 'kube-scheduler', api, ports, (client) => createScheduler({ client, ...ports })),
  ];
}

/** A module that is created with a client of the running server when it starts. `agent` names it in its writes. */
function onceServed(
  name: string,
  agent: string,
  api: ApiModule,
  { clock }: { readonly clock: Clock },
  create: (client: KubeClient, server: { readonly caPem: string }) => Module,
): Module {
  let client: KubeClient | undefined;
  let module: Module | undefined;
  return {
    name,
    async start(signal) {
      const server = api.server();
      client = createKubeClient(
        {
          server: new URL(server.url),
          ca: server.caPem,
          namespace: 'default',
          authenticator: fixedCredentials(server.adminCertificate),
        },
        { clock, userAgent: `${agent}/${VERSION}` },
      );
      module = create(client, server);
      await module.start(signal);
    },
    async stop() {
      await module?.stop();
      client?.close();
    },
  };
}
