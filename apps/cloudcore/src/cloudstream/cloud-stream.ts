import { createPublicKey, X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import type { Node } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import { errorText } from '@kubeedge-ts/errors';
import type { Informer, KubeClient } from '@kubeedge-ts/kube';
import type { CertificateAuthority } from '@kubeedge-ts/pki';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import { listenTunnels, type TunnelServer } from '@kubeedge-ts/tunnel';
import type { Admission, TlsMaterial } from '@kubeedge-ts/viaduct';
import { formatEndpoint, type KubeletEndpoint } from '../controllers/kubelet-endpoint.ts';
import { createAccess } from './access.ts';
import { createClientAuthorities } from './client-authorities.ts';
import { requestServingCertificate } from './cluster-certificate.ts';
import { createKubeletHandler } from './kubelet-handler.ts';
import { createKubeletServer, type KubeletServer, type KubeletServerTls } from './kubelet-server.ts';
import { createNodeLookup } from './node-lookup.ts';
import { createNodePorts, parsePortRange } from './node-ports.ts';
import { createPortRedirects } from './port-redirects.ts';
import { isAlive } from './probe.ts';
import { chooseAddress, localAddresses, wayTo } from './published-address.ts';
import { createPublisher } from './publisher.ts';
import { createReviews } from './reviews.ts';
import { createRouteCheck } from './route-check.ts';
import { createServingCertificates } from './serving-certificates.ts';
import { createTunnels } from './tunnels.ts';

/** The keys of `modules.cloudStream` this needs, by their own names (spec/cloudstream-edgestream.md §7). */
export interface CloudStreamConfig {
  readonly tunnelPort: number;
  readonly streamPort: number;
  readonly tlsStreamCAFile: string;
  readonly tlsStreamCertFile: string;
  readonly tlsStreamPrivateKeyFile: string;
  readonly address: string;
  readonly nodePorts: string;
}

/** `modules.iptablesManager`. */
export interface IptablesConfig {
  readonly enable: boolean;
  /** `external`: another program does it. */
  readonly mode: string;
}

export interface CloudStreamOptions {
  readonly config: CloudStreamConfig;
  readonly iptables: IptablesConfig;
  readonly kube: KubeClient;
  /** Of the API server. */
  readonly apiServer: URL;
  readonly nodes: Pick<Informer<Node>, 'get' | 'subscribe'>;
  /** Begins to follow them; for when nobody else does. */
  readonly followNodes?: ((signal: AbortSignal) => void) | undefined;
  readonly hubCa: CertificateAuthority;
  /** Of the listener edges dial. */
  readonly tunnelTls: TlsMaterial;
  readonly admission: Admission;
  readonly nodeLimit: number;
  readonly advertiseAddress: readonly string[];
  /** To listen on; undefined: all. */
  readonly listenAddress?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface CloudStream {
  readonly module: Module;
  /** Valid once started. */
  readonly tunnelPort: number;
  readonly streamPort: number;
}

const LOOK_MS = 60_000;

/**
 * The kubelet API of the edge nodes, for the API server: kubectl logs, exec, attach, port-forward and cp, node proxy and
 * metrics (docs/kubectl-at-the-edge.md). API server → here → tunnel of the node → its edgecore.
 */
export function createCloudStream(options: CloudStreamOptions): CloudStream {
  const { config, kube, nodes, hubCa, clock, random, listenAddress } = options;
  const log = options.log.child({ module: 'cloudstream' });
  const stopping = new AbortController();
  const ports = { clock, random, log };
  const hub = new X509Certificate(hubCa.certDer);
  let address = '127.0.0.1';
  let addressReason = '';
  let onHostOfApi = false;
  let server: KubeletServer | undefined;
  let tunnelServer: TunnelServer | undefined;
  let streamPort = config.streamPort;
  let cancelLook = (): void => {};

  const tunnels = createTunnels({ limit: options.nodeLimit, changed: (node) => publisher.look(node), log });

  const authorities = createClientAuthorities({
    kube,
    file: config.tlsStreamCAFile,
    changed: () => showOther(),
    ...ports,
  });
  const serving = createServingCertificates({
    files: { cert: config.tlsStreamCertFile, key: config.tlsStreamPrivateKeyFile },
    names: () =>
      [...new Set([address, ...options.advertiseAddress, hostname()])].filter((name) => name !== ''),
    hub: hubCa,
    askCluster: (names, signal) =>
      requestServingCertificate({ kube, hostName: hostname(), ...ports }, names, signal),
    changed: () => showOther(),
    ...ports,
  });
  // The hub CA as well: a peer shows only a certificate of a CA it is asked for, and an edge is to be told that it is wrong here.
  const serverTls = (): KubeletServerTls => ({
    cert: serving.current.cert,
    key: serving.current.key,
    clientCas: [...authorities.certificates, hubCa.certPem],
  });
  const showOther = (): void => {
    server?.setTls(serverTls());
    routes.again();
  };
  const hubKey = hub.publicKey.export({ format: 'der', type: 'spki' });
  const isHubKey = (pem: string): boolean =>
    createPublicKey(pem).export({ format: 'der', type: 'spki' }).equals(hubKey);

  const access = createAccess({
    reviews: createReviews(kube, stopping.signal),
    checks: () => ({ hubCa: hub, hubIsClientCa: authorities.certificates.some(isHubKey) }),
    clock,
    log,
  });
  const range = parsePortRange(config.nodePorts);
  const nodePorts =
    range === undefined
      ? undefined
      : createNodePorts({
          range,
          address: listenAddress,
          onConnection: (socket) => server?.accept(socket),
          log,
        });
  const handler = createKubeletHandler({
    access,
    lookup: createNodeLookup(kube, tunnels),
    nodeOfPort: (port) => nodePorts?.nodeOf(port),
    tunnelOf: tunnels.of,
    kubeletVersionOf: (name) => nodes.get({ name })?.status?.nodeInfo?.kubeletVersion,
    clock,
    log,
  });

  const routes = createRouteCheck({
    kube,
    nodeOf: (name) => nodes.get({ name }),
    isConnected: (name) => tunnels.of(name) !== undefined,
    how: () => `address: ${addressReason}; certificate: ${CERTIFICATE[serving.current.source]}`,
    ...ports,
  });
  const publisher = createPublisher({
    kube,
    nodes,
    tunnelOf: tunnels.of,
    ports: nodePorts,
    sharedPort: () => streamPort,
    address: () => address,
    isAlive: (tunnel, signal) => isAlive(tunnel, clock, signal),
    published: (node, endpoint) => routes.check(node, endpoint),
    forgotten: routes.forget,
    contested: (node, endpoint) => void redirect(node, endpoint),
    ...ports,
  });

  const redirects = createPortRedirects({ log });
  /** Whoever keeps writing the node's own address back means it; on the API server's host there is another way. */
  const redirect = async (node: string, endpoint: KubeletEndpoint): Promise<void> => {
    const { enable, mode } = options.iptables;
    const fields = { node, endpoint: formatEndpoint(endpoint) };
    const problem = 'somebody keeps overwriting the published address of this node';
    if (!enable || mode !== 'internal' || !onHostOfApi) {
      const way = onHostOfApi ? 'iptablesManager is switched off' : 'the API server is on another host';
      log.warn({ ...fields, way }, `${problem}; find out who does`);
      return;
    }
    try {
      await redirects.add(endpoint);
      log.warn(fields, `${problem}; its port is redirected on this host instead`);
    } catch (error) {
      log.warn({ ...fields, err: errorText(error) }, `${problem}, and its port cannot be redirected`);
    }
  };

  const chooseNow = async (): Promise<void> => {
    const way = await wayTo(options.apiServer, stopping.signal);
    const local = localAddresses();
    if (way !== undefined) onHostOfApi = local.some((own) => own.address === way.to);
    const choice = chooseAddress({
      configured: config.address,
      towardsApi: way?.from,
      advertised: options.advertiseAddress,
      local,
    });
    if (choice.address === address && choice.reason === addressReason) return;
    ({ address, reason: addressReason } = choice);
    log.info(choice, 'the API server is to find the edge nodes at this address');
    for (const node of tunnels.nodes()) publisher.look(node);
  };

  /** An address may be taken from the machine while cloudcore runs. */
  const lookLater = (): void => {
    cancelLook = clock.after(LOOK_MS, () => {
      lookAgain()
        .catch((error: unknown) => log.warn({ err: errorText(error) }, 'addresses and files not looked at'))
        .finally(() => {
          if (!stopping.signal.aborted) lookLater();
        });
    });
  };
  const lookAgain = async (): Promise<void> => {
    const isHere = localAddresses().some((own) => own.address === address);
    await authorities.reload();
    if (config.address === '' && !isHere) await chooseNow();
    serving.refresh();
  };

  return {
    get tunnelPort() {
      return tunnelServer?.port ?? config.tunnelPort;
    },
    get streamPort() {
      return streamPort;
    },
    module: {
      name: 'cloudstream',
      async start() {
        await chooseNow();
        await authorities.reload();
        await serving.prepare();
        server = createKubeletServer({ handler, tls: serverTls(), address: listenAddress, clock, log });
        streamPort = await server.listen(config.streamPort);
        tunnelServer = await listenTunnels(
          {
            address: listenAddress ?? '0.0.0.0',
            port: config.tunnelPort,
            tls: options.tunnelTls,
            admission: options.admission,
            clock,
            log,
          },
          tunnels.add,
        );
        options.followNodes?.(stopping.signal);
        authorities.start(stopping.signal);
        serving.start();
        publisher.start(stopping.signal);
        lookLater();
        log.info(
          { streamPort, tunnelPort: tunnelServer?.port, nodePorts: config.nodePorts },
          'kubelet API of the edge nodes is open',
        );
      },
      async stop() {
        stopping.abort(new Error('cloudstream is stopping'));
        cancelLook();
        await Promise.all([publisher.stop(), routes.stop(), serving.stop()]);
        await redirects.close();
        nodePorts?.close();
        await server?.close();
        await tunnelServer?.close();
      },
    },
  };
}

const CERTIFICATE = {
  files: 'the files of cloudStream',
  cluster: "of the cluster's CSR API",
  hub: "of this installation's CA, which an API server that verifies kubelets does not know",
} as const;
