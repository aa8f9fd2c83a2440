import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { createKubectl, type Kubectl } from './kubectl.ts';
import { freePorts } from './ports.ts';
import { until } from './until.ts';

export interface CloudOptions {
  /** The checkout; its bin/ launchers are used. */
  readonly root: string;
  /** Everything of this cloud lies below it. */
  readonly dir: string;
  /** An existing cluster; absent: a standalone control plane is started. */
  readonly kubeconfig?: string;
}

/** A control plane with one cloudcore, on loopback and private ports. */
export interface Cloud {
  readonly kubeconfig: string;
  readonly kubectl: Kubectl;
  readonly hubUrl: string;
  readonly httpsUrl: string;
  /** Where edges open their tunnels, `host:port`. */
  readonly tunnelUrl: string;
  /** `https://host:port` of the kubelet API that all nodes share. */
  readonly streamUrl: string;
  /** cloudcore as it runs now. */
  cloudcore(): Child | undefined;
  startCluster(): Promise<void>;
  startCloudcore(): Promise<void>;
  stopCloudcore(how?: 'stop' | 'kill'): Promise<void>;
  /** The current join token, from the secret cloudcore wrote. */
  joinToken(): Promise<string>;
  stop(): Promise<void>;
}

export async function createCloud({ root, dir, kubeconfig: existing }: CloudOptions): Promise<Cloud> {
  mkdirSync(dir, { recursive: true });
  const ports = (await freePorts(5)) as [number, number, number, number, number];
  const [apiPort, hubPort, httpsPort, tunnelPort, streamPort] = ports;
  const kubeconfig = existing ?? join(dir, 'kubeconfig');
  const kubectl = createKubectl(kubeconfig, join(dir, 'kubectl-cache'));
  const configFile = join(dir, 'cloudcore.yaml');
  writeFileSync(
    configFile,
    `apiVersion: cloudcore.config.kubeedge.io/v1alpha1
kind: CloudCore
kubeAPIConfig: {kubeConfig: ${kubeconfig}}
modules:
  cloudHub:
    advertiseAddress: [127.0.0.1]
    tlsCAFile: ${dir}/none/rootCA.crt
    tlsCAKeyFile: ${dir}/none/rootCA.key
    tlsCertFile: ${dir}/none/server.crt
    tlsPrivateKeyFile: ${dir}/none/server.key
    websocket: {enable: true, address: 127.0.0.1, port: ${hubPort}}
    https: {enable: true, address: 127.0.0.1, port: ${httpsPort}}
  cloudStream:
    tunnelPort: ${tunnelPort}
    streamPort: ${streamPort}
    tlsTunnelCAFile: ${dir}/none/rootCA.crt
    tlsTunnelCertFile: ${dir}/none/server.crt
    tlsTunnelPrivateKeyFile: ${dir}/none/server.key
    tlsStreamCAFile: ${dir}/none/streamCA.crt
    tlsStreamCertFile: ${dir}/none/stream.crt
    tlsStreamPrivateKeyFile: ${dir}/none/stream.key
`,
  );
  let cluster: Child | undefined;
  let cloudcore: Child | undefined;

  return {
    kubeconfig,
    kubectl,
    hubUrl: `127.0.0.1:${hubPort}`,
    httpsUrl: `https://127.0.0.1:${httpsPort}`,
    tunnelUrl: `127.0.0.1:${tunnelPort}`,
    streamUrl: `https://127.0.0.1:${streamPort}`,
    cloudcore: () => cloudcore,

    async startCluster() {
      if (existing !== undefined) return;
      cluster = startChild({
        name: 'standalone',
        command: join(root, 'bin/standalone'),
        args: [
          '--data-dir',
          join(dir, 'standalone'),
          '--bind-address',
          '127.0.0.1',
          '--secure-port',
          String(apiPort),
          '--write-kubeconfig',
          kubeconfig,
        ],
        logFile: join(dir, 'standalone.log'),
      });
      await until(
        'the Kubernetes API answers',
        async () => alive(cluster) && (await kubectl(['get', '--raw', '/readyz'])) === 'ok',
        {
          timeoutMs: 60_000,
        },
      );
    },

    async startCloudcore() {
      cloudcore = startChild({
        name: 'cloudcore',
        command: join(root, 'bin/cloudcore'),
        args: ['--config', configFile],
        logFile: join(dir, 'cloudcore.log'),
      });
      const started = cloudcore;
      await until(
        'cloudcore listens and has written its join token',
        async () =>
          alive(started) &&
          (await accepts(hubPort)) &&
          (await accepts(httpsPort)) &&
          (await tokenOf(kubectl)) !== '',
        { timeoutMs: 60_000 },
      );
    },

    async stopCloudcore(how = 'stop') {
      await (how === 'kill' ? cloudcore?.kill() : cloudcore?.stop());
      cloudcore = undefined;
    },

    joinToken: () => tokenOf(kubectl),

    async stop() {
      await cloudcore?.stop();
      await cluster?.stop();
    },
  };
}

/** True while the child runs; throws with the end of its log when it has ended. */
export function alive(child: Child | undefined): boolean {
  if (child?.running) return true;
  throw new Error(`${child?.name ?? 'program'} has ended:\n${child?.logTail() ?? ''}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function tokenOf(kubectl: Kubectl): Promise<string> {
  const data = await kubectl([
    '-n',
    'kubeedge',
    'get',
    'secret',
    'tokensecret',
    '-o',
    'jsonpath={.data.tokendata}',
  ]);
  return Buffer.from(data, 'base64').toString('utf8');
}

/** The kubeconfig with another server address, for callers outside the site's network namespace. */
export function kubeconfigFor(kubeconfig: string, server: string): string {
  return readFileSync(kubeconfig, 'utf8').replace(/server: .*/, `server: ${server}`);
}
