import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';

export interface EdgeOptions {
  readonly root: string;
  readonly dir: string;
  readonly nodeName: string;
  readonly hubUrl: string;
  readonly httpsUrl: string;
  /** `host:port` of the cloud's tunnel listener; absent: port 10004 beside the hub, which is the default. */
  readonly tunnelUrl?: string;
  readonly token: string;
  /** CRI socket, `unix:///…`. */
  readonly runtimeEndpoint: string;
  /** Name of the cgroup below which pods live; empty: the root. */
  readonly cgroup: string;
  /** `tcp://127.0.0.1:port`; absent: only the embedded broker on `mqttInternal`. */
  readonly mqttExternal?: string;
  readonly mqttInternal: string;
  readonly kubeletPort: number;
}

/** One edgecore with its own directories. */
export interface Edge {
  readonly nodeName: string;
  readonly configFile: string;
  readonly databaseFile: string;
  /** Folder of static pod manifests. */
  readonly manifestsDir: string;
  edgecore(): Child | undefined;
  start(): void;
  stop(how?: 'stop' | 'kill'): Promise<void>;
}

export function createEdge(options: EdgeOptions): Edge {
  const { root, dir, nodeName } = options;
  mkdirSync(join(dir, 'pki'), { recursive: true });
  const configFile = join(dir, 'edgecore.yaml');
  const databaseFile = join(dir, 'edgecore.db');
  const manifestsDir = join(dir, 'manifests');
  mkdirSync(manifestsDir);
  writeFileSync(
    configFile,
    `apiVersion: edgecore.config.kubeedge.io/v1alpha2
kind: EdgeCore
database: {dataSource: ${databaseFile}}
modules:
  edged:
    hostnameOverride: ${nodeName}
    rootDirectory: ${dir}/kubelet
    nodeIP: 127.0.0.1
    tailoredKubeletConfig:
      containerRuntimeEndpoint: ${options.runtimeEndpoint}
      podLogsDir: ${dir}/pod-logs
      staticPodPath: ${manifestsDir}
      readOnlyPort: ${options.kubeletPort}
      cgroupRoot: "${options.cgroup === '' ? '' : `/${options.cgroup}`}"
  edgeHub:
    token: ${options.token}
    httpServer: ${options.httpsUrl}
    tlsCaFile: ${dir}/pki/rootCA.crt
    tlsCertFile: ${dir}/pki/server.crt
    tlsPrivateKeyFile: ${dir}/pki/server.key
    websocket: {enable: true, server: "${options.hubUrl}", handshakeTimeout: 30, readDeadline: 15, writeDeadline: 15}
  edgeStream:
    ${options.tunnelUrl === undefined ? '' : `server: ${options.tunnelUrl}`}
    tlsTunnelCAFile: ${dir}/pki/rootCA.crt
    tlsTunnelCertFile: ${dir}/pki/server.crt
    tlsTunnelPrivateKeyFile: ${dir}/pki/server.key
  eventBus:
    mqttMode: ${options.mqttExternal === undefined ? 0 : 2}
    mqttServerInternal: ${options.mqttInternal}
    mqttServerExternal: ${options.mqttExternal ?? 'tcp://127.0.0.1:1883'}
`,
    { mode: 0o600 },
  );
  let edgecore: Child | undefined;
  return {
    nodeName,
    configFile,
    databaseFile,
    manifestsDir,
    edgecore: () => edgecore,
    start() {
      edgecore = startChild({
        name: 'edgecore',
        command: join(root, 'bin/edgecore'),
        args: ['--config', configFile],
        logFile: join(dir, 'edgecore.log'),
      });
    },
    async stop(how = 'stop') {
      await (how === 'kill' ? edgecore?.kill() : edgecore?.stop());
      edgecore = undefined;
    },
  };
}
