import { hostname, networkInterfaces } from 'node:os';
import {
  type Clock,
  deferred,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from '@kubeedge-ts/runtime';
import { createAuthenticator } from '../auth/authenticator.ts';
import { createServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { keepAuthenticationConfig } from '../certificates/authentication-config.ts';
import { startRequestExpiry } from '../certificates/request-expiry.ts';
import { startSigner } from '../certificates/signer.ts';
import { startCustomResources } from '../crd/custom-resources.ts';
import { ephemeralIdentity, loadIdentity, prepareDataDir, storePath } from '../data-dir.ts';
import { adminKubeconfig } from '../kubeconfig.ts';
import { createForwarder } from '../kubelet/forwarder.ts';
import { createNodeTransport } from '../kubelet/transport.ts';
import { askSummary } from '../metrics/ask-summary.ts';
import { metricsHandlers } from '../metrics/metrics-handlers.ts';
import { createFiguresSource } from '../metrics/node-figures.ts';
import type { KeyPair } from '../pki.ts';
import { builtinResources } from '../registry/builtin.ts';
import { createRegistry } from '../registry/registry.ts';
import { API_SERVICE_IP } from '../registry/service-strategy.ts';
import type { ApiContext } from '../rest/api-request.ts';
import { createDispatcher } from '../rest/dispatch.ts';
import { reviewHandlers } from '../rest/reviews.ts';
import { tokenRequestHandler } from '../rest/token-request.ts';
import { type HistoryLimits, openObjectStore } from '../storage/index.ts';
import { bootstrapCluster } from './bootstrap.ts';
import { startEventExpiry } from './event-expiry.ts';
import { createHandler } from './handler.ts';
import { createListener } from './listener.ts';
import { createPathRoutes } from './routes.ts';

export interface ApiServerOptions {
  /** Where everything is kept; without it the cluster lives in memory and ends with the process. */
  readonly dataDir?: string;
  /** Default 127.0.0.1. */
  readonly bindAddress?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Address clients and pods are told; default the bind address, or this machine's first one if that is "all". */
  readonly advertiseAddress?: string;
  /** More names and addresses for the serving certificate. */
  readonly tlsSans?: readonly string[];
  readonly history?: HistoryLimits;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
}

/** A running API server. */
export interface ApiServer {
  /** `https://host:port`, reachable from this machine; the kubeconfig names the advertised address instead. */
  readonly url: string;
  readonly port: number;
  readonly caPem: string;
  /** PEM certificate and key of the administrator (system:masters). */
  readonly adminCertificate: KeyPair;
  /** Kubeconfig of the administrator, as YAML. */
  readonly adminKubeconfig: string;
  /** Stops listening, ends all watches, closes the store. */
  close(): Promise<void>;
}

/**
 * Starts the embedded Kubernetes API server and resolves when it serves.
 *
 * @throws STANDALONE_DATA_DIR_UNUSABLE, STANDALONE_DATA_DIR_IN_USE, STANDALONE_STORE_DAMAGED, STANDALONE_STORE_NEWER,
 * STANDALONE_PKI_UNREADABLE, STANDALONE_LISTEN_FAILED
 */
export async function createApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { dataDir, bindAddress = '127.0.0.1', log = silentLogger } = options;
  const { clock = systemClock, random = systemRandom } = options;
  const advertiseAddress = options.advertiseAddress ?? reachableAddress(bindAddress);
  const names = servingNames(bindAddress, advertiseAddress, options.tlsSans ?? []);
  if (dataDir !== undefined) prepareDataDir(dataDir);
  const everything = new AsyncDisposableStack();
  try {
    const store = openObjectStore({
      path: dataDir === undefined ? ':memory:' : storePath(dataDir),
      ...(options.history && { history: options.history }),
    });
    everything.defer(() => store.close());
    const identity =
      dataDir === undefined
        ? await ephemeralIdentity(names, clock.now())
        : await loadIdentity(dataDir, names, clock.now());
    const registry = createRegistry(builtinResources);
    const context: ApiContext = { store, registry, clock, random, log };
    const tokens = createServiceAccountTokens({ keyPem: identity.serviceAccountKey, store, clock, random });
    const customResources = startCustomResources(context);
    everything.defer(() => customResources.close());
    everything.defer(startEventExpiry(context));

    const ready = deferred<ReturnType<typeof createHandler>>();
    const server = createListener(identity, async (exchange) => (await ready.promise)(exchange));
    const port = await server.listen(bindAddress, options.port ?? 0);
    const transport = createNodeTransport({
      caPem: identity.ca.cert,
      client: identity.kubeletClient,
      clock,
    });
    const forwarder = createForwarder({ transport, clock, log });
    everything.defer(() => {
      forwarder.close();
      return server.close();
    });

    // The cluster is complete before the first request is looked at.
    await bootstrapCluster(context, { caPem: identity.ca.cert, advertiseAddress, port });
    everything.defer(
      keepAuthenticationConfig(context, {
        clientCa: identity.ca.cert,
        frontProxyCa: identity.frontProxyCa.cert,
      }),
    );
    const signer = startSigner(context, identity.ca);
    everything.defer(() => signer.close());
    everything.defer(startRequestExpiry(context));
    const advertised = `${urlHost(advertiseAddress)}:${port}`;
    const handle = createHandler({
      context,
      authenticator: createAuthenticator(store, tokens),
      dispatcher: createDispatcher(context, {
        ...reviewHandlers(tokens),
        ...metricsHandlers(
          createFiguresSource({ ask: (node, signal) => askSummary(transport, node, signal), clock, log }),
        ),
        'serviceaccounts/token': tokenRequestHandler(tokens),
      }),
      forwarder,
      paths: createPathRoutes({
        registry,
        tokens,
        checks: [{ name: 'ping', healthy: () => true }],
        serverAddress: advertised,
      }),
    });
    ready.resolve(handle);

    const running = everything.move();
    return {
      url: `https://${urlHost(listensEverywhere(bindAddress) ? '127.0.0.1' : bindAddress)}:${port}`,
      port,
      caPem: identity.ca.cert,
      adminCertificate: identity.admin,
      adminKubeconfig: adminKubeconfig(`https://${advertised}`, identity),
      close: () => running.disposeAsync(),
    };
  } catch (error) {
    await everything.disposeAsync();
    throw error;
  }
}

function listensEverywhere(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => !entry.internal && !entry.address.startsWith('fe80'))
    .map((entry) => entry.address);
}

function reachableAddress(bindAddress: string): string {
  if (!listensEverywhere(bindAddress)) return bindAddress;
  return ownAddresses().find((address) => !address.includes(':')) ?? '127.0.0.1';
}

function servingNames(bindAddress: string, advertise: string, more: readonly string[]): string[] {
  const service = 'kubernetes.default.svc';
  return [
    'localhost',
    'kubernetes',
    'kubernetes.default',
    service,
    `${service}.cluster.local`,
    hostname().toLowerCase(),
    '127.0.0.1',
    '::1',
    API_SERVICE_IP,
    advertise,
    ...(listensEverywhere(bindAddress) ? ownAddresses() : [bindAddress]),
    ...more,
  ];
}
