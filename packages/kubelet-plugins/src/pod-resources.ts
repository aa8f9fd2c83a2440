import type { Init } from '@kubeedge-ts/grpc';
import { GrpcRefusal, type GrpcServer, serviceOf } from '@kubeedge-ts/grpc/server';
import type { Clock } from '@kubeedge-ts/runtime';
import {
  type AllocatableResourcesResponse,
  POD_RESOURCES_LISTER_METHODS,
  type PodResources,
  type PodResourcesListerMethods,
  TABLES,
} from './generated/pod-resources.ts';
import { serveSocket } from './serve-socket.ts';

export * from './generated/pod-resources.ts';

/** What monitoring agents ask for: which pod has which devices. */
export interface PodResourcesSource {
  list(): readonly Init<PodResources>[];
  allocatable(): Init<AllocatableResourcesResponse>;
}

/**
 * The socket `<kubelet root>/pod-resources/kubelet.sock`; a stale one is replaced.
 *
 * @throws KubeEdgeError GRPC_LISTEN_FAILED
 */
export function servePodResources(
  socketPath: string,
  source: PodResourcesSource,
  ports: { readonly clock: Clock },
): Promise<GrpcServer> {
  const service = serviceOf<PodResourcesListerMethods>(POD_RESOURCES_LISTER_METHODS, TABLES, {
    list: () => ({ podResources: source.list() }),
    getAllocatableResources: () => source.allocatable(),
    get: ({ podName, podNamespace }) => {
      const found = source
        .list()
        .find(({ name, namespace }) => name === podName && namespace === podNamespace);
      if (found === undefined) {
        throw new GrpcRefusal('NOT_FOUND', `pod ${podNamespace}/${podName} is not on this node`);
      }
      return { podResources: found };
    },
  });
  return serveSocket(socketPath, service, ports);
}
