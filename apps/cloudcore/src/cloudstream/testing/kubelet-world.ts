import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import type { Pod } from '@kubeedge-ts/apis';
import { createFakeKube, type FakeKube } from '@kubeedge-ts/kube/testing';
import {
  type CertificateAuthority,
  certificateToPem,
  createAuthority,
  createNodeCsr,
  generateKey,
  keyToPem,
} from '@kubeedge-ts/pki';
import { issueClient } from '@kubeedge-ts/pki/testing';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import type { NodeTunnel } from '@kubeedge-ts/tunnel';
import { createAccess } from '../access.ts';
import type { UserInfo } from '../caller.ts';
import { createKubeletHandler } from '../kubelet-handler.ts';
import { createKubeletServer, type KubeletServer } from '../kubelet-server.ts';
import { createNodeLookup } from '../node-lookup.ts';
import { createNodePorts, type NodePorts } from '../node-ports.ts';
import type { AccessQuestion } from '../reviews.ts';
import { createTunnels, type Tunnels } from '../tunnels.ts';

/** What a client shows. */
export interface ClientTls {
  readonly cert?: string;
  readonly key?: string;
}

/** The kubelet API with real TLS listeners on loopback, scripted answers of the cluster, and fake tunnels. */
export interface KubeletWorld {
  readonly kube: FakeKube;
  readonly hubCa: CertificateAuthority;
  readonly clusterCa: CertificateAuthority;
  readonly server: KubeletServer;
  readonly ports: NodePorts;
  readonly tunnels: Tunnels;
  readonly sharedPort: number;
  /** As the API server: allowed everything. */
  readonly apiServer: ClientTls;
  /** A user of the cluster that is allowed nothing. */
  readonly stranger: ClientTls;
  /** An edge. */
  readonly node: ClientTls;
  /** What the cluster was asked. */
  readonly questions: readonly AccessQuestion[];
  readonly tokensAsked: readonly string[];
  connectNode(tunnel: NodeTunnel): Promise<number>;
  call(options: CallOptions): Promise<Answer>;
  /** Raw bytes on a TLS connection. */
  raw(port: number, tls: ClientTls): Promise<TLSSocket & { readonly tcp: Socket }>;
}

export interface CallOptions {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly tls?: ClientTls;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export const MASTER = 'kube-apiserver-kubelet-client';
export const GOOD_TOKEN = 'token-of-metrics-server';
const METRICS: UserInfo = {
  username: 'system:serviceaccount:kube-system:metrics-server',
  uid: 'u-1',
  groups: ['system:serviceaccounts', 'system:authenticated'],
};

/** MASTER may do everything, the user of GOOD_TOKEN what metrics-server may, nobody else anything. */
function mayDo({ user, verb, subresource }: AccessQuestion): boolean {
  if (user.username === MASTER) return true;
  return user.username === METRICS.username && verb === 'get' && ['stats', 'metrics'].includes(subresource);
}

export async function kubeletWorld(t: TestContext): Promise<KubeletWorld> {
  const now = Date.now();
  const [hubCa, clusterCa] = await Promise.all([createAuthority(now), createAuthority(now)]);
  const { certPem, keyPem } = await hubCa.issueServer({
    addresses: ['127.0.0.1'],
    dnsNames: ['localhost'],
    now,
  });
  const kube = createFakeKube();
  const questions: AccessQuestion[] = [];
  const tokensAsked: string[] = [];
  const access = createAccess({
    reviews: {
      async token(token) {
        tokensAsked.push(token);
        return token === GOOD_TOKEN ? METRICS : undefined;
      },
      async isAllowed(question) {
        questions.push(question);
        return mayDo(question);
      },
    },
    checks: () => ({ hubCa: new X509Certificate(hubCa.certDer), hubIsClientCa: false }),
    clock: systemClock,
    log: silentLogger,
  });
  const tunnels = createTunnels({ limit: 10, changed: () => undefined, log: silentLogger });
  const handler = createKubeletHandler({
    access,
    lookup: createNodeLookup(kube, tunnels),
    nodeOfPort: (port) => ports.nodeOf(port),
    tunnelOf: tunnels.of,
    kubeletVersionOf: (node) =>
      node.includes('old') ? 'v1.19.3-kubeedge-v1.9.1' : 'v1.29.5-kubeedge-v1.23.1',
    clock: systemClock,
    log: silentLogger,
  });
  const server = createKubeletServer({
    handler,
    tls: { cert: certPem, key: keyPem, clientCas: [clusterCa.certPem, hubCa.certPem] },
    address: '127.0.0.1',
    clock: systemClock,
    log: silentLogger,
  });
  const ports = createNodePorts({
    range: { first: 21_000, last: 29_999 },
    address: '127.0.0.1',
    onConnection: (socket) => server.accept(socket),
    log: silentLogger,
  });
  const sharedPort = await server.listen(0);
  t.after(async () => {
    ports.close();
    await server.close();
  });
  const apiServer = await issueClient(clusterCa, { commonName: MASTER, organizations: ['system:masters'] });
  const stranger = await issueClient(clusterCa, { commonName: 'jane', organizations: ['dev', 'ops'] });
  const nodeKey = generateKey();
  const csr = await createNodeCsr('edge-a', nodeKey);
  const nodeCert = await hubCa.signNode({ csr, nodeName: 'edge-a', lifetimeDays: 1, now });
  return {
    kube,
    hubCa,
    clusterCa,
    server,
    ports,
    tunnels,
    sharedPort,
    apiServer,
    stranger,
    node: { cert: certificateToPem(nodeCert), key: keyToPem(nodeKey) },
    questions,
    tokensAsked,
    connectNode(tunnel) {
      tunnels.add(tunnel);
      return ports.open(tunnel.nodeName, undefined);
    },
    call: ({ port, path, method = 'GET', tls = {}, headers = {}, body }) =>
      new Promise((resolve, reject) => {
        const request = httpsRequest(
          {
            host: '127.0.0.1',
            port,
            path,
            method,
            headers,
            ca: hubCa.certPem,
            servername: 'localhost',
            agent: false,
            ...tls,
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', (part) => {
              text += part;
            });
            response.on('error', reject);
            response.on('end', () =>
              resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
            );
          },
        );
        request.on('upgrade', ({ statusCode = 0, headers: own }, socket) => {
          socket.destroy();
          resolve({ status: statusCode, headers: own, text: '' });
        });
        request.on('error', reject);
        request.end(body);
      }),
    async raw(port, tls) {
      const tcp = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
      tcp.on('error', () => undefined);
      const socket = connect({ socket: tcp, ca: hubCa.certPem, servername: 'localhost', ...tls });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      return Object.assign(socket, { tcp });
    },
  };
}

export const aPod = (name: string, nodeName: string): Pod => ({
  metadata: { name, namespace: 'shop' },
  spec: { nodeName, containers: [{ name: 'main' }] },
});
