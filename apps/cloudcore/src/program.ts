import { CAPABILITIES_HEADER, CLUSTER_VERSION_HEADER, namespaces, OWN_CAPABILITIES } from '@kubeedge-ts/apis';
import type { CloudCoreConfig } from '@kubeedge-ts/apis/config';
import { createProgram, type Module, type Program, runUntilSignal } from '@kubeedge-ts/beehive';
import { errorText } from '@kubeedge-ts/errors';
import { createKubeClient, type KubeClient, loadClusterConfig } from '@kubeedge-ts/kube';
import {
  systemClock as clock,
  createBackoff,
  type Logger,
  systemRandom as random,
  sleep,
  VERSION,
} from '@kubeedge-ts/runtime';
import { admitNode, createWebSocketTransport } from '@kubeedge-ts/viaduct';
import { createSecretStore } from './cloudhub/certificate-secrets.ts';
import { prepareCertificates } from './cloudhub/certificates.ts';
import { createCloudHub } from './cloudhub/cloudhub.ts';
import { createHttpsServer } from './cloudhub/https/index.ts';
import { createTokenRefresh } from './cloudhub/join-tokens.ts';
import { createCloudStream, tunnelMaterial } from './cloudstream/index.ts';
import { createClusterVersion } from './controllers/cluster-version.ts';
import { conversionRoute, ensureCustomResources } from './crdconversion/index.ts';
import { createDeviceController } from './devicecontroller/index.ts';
import { createEdgeController } from './edgecontroller/index.ts';

const STOP_DEADLINE_MS = 30_000;
/** Frames of edges: the largest object the API server takes (3 MiB), and room for its envelope. */
const MAX_FRAME_BYTES = 8 * 1024 * 1024;

/** Composes cloudcore from its configuration and runs it until a signal; resolves with the exit code. */
export function runCloudCore(config: CloudCoreConfig, log: Logger): Promise<number> {
  let inner: Program | undefined;
  const cloudcore: Module = {
    name: 'cloudcore',
    async start(signal) {
      inner = await compose(config, log, signal);
      await inner.start();
      log.info({}, 'cloudcore is ready');
    },
    async stop() {
      await inner?.stop();
    },
  };
  return runUntilSignal(createProgram([cloudcore], { log, clock, stopDeadlineMs: STOP_DEADLINE_MS }), log);
}

/** What needs the cluster first: identity, certificates, custom resources. Waits for an API server that is away. */
async function compose(config: CloudCoreConfig, log: Logger, signal: AbortSignal): Promise<Program> {
  const { cloudHub: hub, edgeController, deviceController, cloudStream } = config.modules;
  const { kubeConfig, master } = config.kubeAPIConfig;
  const cluster = await loadClusterConfig({ path: kubeConfig || undefined, env: process.env }, { clock });
  const server = master === '' ? cluster.server : new URL(master);
  const kube = createKubeClient(
    { ...cluster, server },
    { clock, userAgent: `cloudcore/${VERSION} (kubeedge-ts)` },
  );

  const clusterId = await patiently('the cluster is not reachable', log, signal, () => clusterIdentity(kube));
  const clusterVersion = createClusterVersion({ kube, clock, log });
  await patiently('its version is not told', log, signal, () => clusterVersion.read());
  const certificates = await prepareCertificates({ client: kube, config: hub, clock, random, log, signal });
  const [address = '127.0.0.1'] = hub.advertiseAddress;
  await patiently('custom resources cannot be set up', log, signal, () =>
    ensureCustomResources({
      kube,
      conversion: {
        url: `https://${address}:${hub.https.port}/crdconversion`,
        caBundle: Buffer.from(certificates.server.ca).toString('base64'),
      },
      clock,
      random,
      log,
      signal,
    }),
  );

  const https = createHttpsServer({
    address: hub.https.address,
    port: hub.https.port,
    certificates,
    client: kube,
    clock,
    log: log.child({ module: 'https' }),
    extraRoutes: [conversionRoute()],
  });
  const tokenRefresh = createTokenRefresh({
    tokens: certificates.tokens,
    refreshHours: hub.tokenRefreshDuration,
    store: (until) => createSecretStore(kube, { clock, random, log, signal: until }),
    clock,
    random,
    log,
  });
  const admission = admitNode({ allowLegacyCertificates: hub.allowLegacyCertificates });
  const cloudhub = createCloudHub({
    transport: createWebSocketTransport({ clock, log: log.child({ module: 'viaduct' }) }),
    serverOptions: {
      address: hub.websocket.address,
      port: hub.websocket.port,
      tls: certificates.server,
      maxFrameBytes: MAX_FRAME_BYTES,
      headers: () => ({
        [CAPABILITIES_HEADER]: OWN_CAPABILITIES,
        ...(clusterVersion.value === undefined ? {} : { [CLUSTER_VERSION_HEADER]: clusterVersion.value }),
      }),
    },
    admission,
    kube,
    clusterId,
    clusterCaPem: cluster.ca ?? '',
    clock,
    random,
    log: log.child({ module: 'cloudhub' }),
    config: {
      nodeLimit: hub.nodeLimit,
      keepaliveMs: hub.keepaliveInterval * 1000,
      advertiseAddress: address,
    },
  });
  const { downstream } = cloudhub;
  const edge = createEdgeController({ kube, downstream, clock, random, log, options: { address } });
  const device = createDeviceController({ kube, downstream, clock, random, log });
  cloudhub.bind({
    upstream: { edge: edge.upstream, device: device.upstream },
    lifecycle: [edge.lifecycle, device.lifecycle],
  });

  const createStream = async () =>
    createCloudStream({
      config: cloudStream,
      iptables: config.modules.iptablesManager,
      kube,
      apiServer: server,
      nodes: edge.nodes,
      followNodes: edgeController.enable ? undefined : edge.nodes.start,
      hubCa: certificates.ca,
      tunnelTls: await tunnelMaterial(cloudStream, certificates.server),
      admission,
      nodeLimit: hub.nodeLimit,
      advertiseAddress: hub.advertiseAddress,
      clock,
      random,
      log,
    });

  // stopped last: the others write through it until their end
  const modules: Module[] = [
    { name: 'kube', start: async () => {}, stop: async () => kube.close() },
    clusterVersion.module,
    https,
    tokenRefresh,
  ];
  if (edgeController.enable) modules.push(edge.module);
  if (deviceController.enable) modules.push(device.module);
  if (cloudStream.enable) modules.push((await createStream()).module);
  if (hub.enable) modules.push(cloudhub.module);
  return createProgram(modules, { log, clock });
}

async function clusterIdentity(kube: Pick<KubeClient, 'get'>): Promise<string> {
  const { metadata } = await kube.get(namespaces, { name: 'kube-system' });
  return metadata.uid ?? '';
}

/** Repeats until it works or the program stops; the cause is logged each time. */
async function patiently<T>(
  problem: string,
  log: Logger,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  const backoff = createBackoff({ initialMs: 1000, maxMs: 30_000 }, random);
  for (;;) {
    try {
      return await run();
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ problem, err: errorText(error) }, 'waiting for the cluster');
      await sleep(clock, backoff.next(), signal);
    }
  }
}
