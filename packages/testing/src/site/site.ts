import { join } from 'node:path';
import { createCriClient } from '@kubeedge-ts/cri';
import { systemClock } from '@kubeedge-ts/runtime';
import { type Containerd, startContainerd } from '../containerd/index.ts';
import { type Mosquitto, startMosquitto } from '../mosquitto.ts';
import { type Cloud, createCloud } from './cloud.ts';
import { createEdge, type Edge } from './edge.ts';
import { freePorts } from './ports.ts';
import { until } from './until.ts';

export interface SiteOptions {
  /** The checkout; its bin/ launchers are used. */
  readonly root: string;
  readonly dir: string;
  /** Cgroup (a name, no slash) below which the pods live. */
  readonly cgroup: string;
  readonly nodeName: string;
  /** An existing cluster instead of standalone. */
  readonly kubeconfig?: string;
  /** Told after each step; quickstart prints it. */
  readonly onStep?: (title: string) => void;
  readonly signal?: AbortSignal;
}

/** A whole KubeEdge on one machine: API, cloudcore, edgecore with containerd and a broker. */
export interface Site {
  readonly cloud: Cloud;
  readonly edge: Edge;
  readonly containerd: Containerd;
  readonly mosquitto: Mosquitto;
  /** Addresses of the ready sandboxes, from the runtime itself. */
  podAddresses(): Promise<string[]>;
  /** DESIGN §12: edgecore killed, containerd and all it held in memory gone; both start again. */
  reboot(): Promise<void>;
  /** Stops everything in reverse order. @throws AggregateError of what could not be stopped */
  stop(): Promise<void>;
}

/** Starts a site and waits until its node is registered. What was started is stopped again when a step fails. */
export async function startSite(options: SiteOptions): Promise<Site> {
  const { root, dir, cgroup, nodeName, signal } = options;
  const running: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const end of running.splice(0).reverse())
      await end().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be stopped');
  };
  const step = async <T>(title: string, run: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const value = await run();
    options.onStep?.(title);
    return value;
  };

  try {
    const [mqttInternal, kubeletPort] = (await freePorts(2)) as [number, number];
    const containerd = await step('containerd with a pod network and the demo images', () =>
      startContainerd({ dir: join(dir, 'ctd'), cgroups: [`/${cgroup}`] }),
    );
    running.push(() => containerd.stop());
    const mosquitto = await step('MQTT broker', () => startMosquitto());
    running.push(() => mosquitto.stop());
    const cloud = await createCloud({ root, dir: join(dir, 'cloud'), kubeconfig: options.kubeconfig });
    running.push(() => cloud.stop());
    await step('Kubernetes API', () => cloud.startCluster());
    await step('cloudcore', () => cloud.startCloudcore());
    const edge = createEdge({
      root,
      dir: join(dir, 'edge'),
      nodeName,
      hubUrl: cloud.hubUrl,
      httpsUrl: cloud.httpsUrl,
      tunnelUrl: cloud.tunnelUrl,
      token: await cloud.joinToken(),
      runtimeEndpoint: containerd.endpoint,
      cgroup,
      mqttExternal: mosquitto.url,
      mqttInternal: `tcp://127.0.0.1:${mqttInternal}`,
      kubeletPort,
    });
    running.push(() => edge.stop());
    edge.start();
    await step('the edge has joined', () =>
      until('the node is registered', () => cloud.kubectl(['get', 'node', nodeName]), {
        timeoutMs: 60_000,
        signal,
      }),
    );
    return {
      cloud,
      edge,
      containerd,
      mosquitto,
      podAddresses: () => podAddresses(containerd.endpoint),
      async reboot() {
        await edge.stop('kill');
        await containerd.powerOff();
        await containerd.startDaemon();
        edge.start();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function podAddresses(endpoint: string): Promise<string[]> {
  const cri = createCriClient({ endpoint, clock: systemClock, requestTimeoutMs: 5000 });
  try {
    const { items } = await cri.listPodSandbox({});
    const statuses = await Promise.all(items.map(({ id }) => cri.podSandboxStatus({ podSandboxId: id })));
    return statuses.map(({ status }) => status?.network?.ip ?? '').filter((address) => address !== '');
  } finally {
    cri.close();
  }
}
