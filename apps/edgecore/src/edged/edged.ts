import { join } from 'node:path';
import type { Pod, PodStatus } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import type { CriClient } from '@kubeedge-ts/cri';
import { grpcHealthCheck } from '@kubeedge-ts/kubelet-plugins/health';
import { createPluginRegistrationClient, PluginType } from '@kubeedge-ts/kubelet-plugins/plugin-registration';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { EdgedSink, MetaClient } from '../metamanager/meta-client.ts';
import { createAdmitPod } from './admit-pod.ts';
import type { EdgedConfig } from './config.ts';
import { createNodeDevices } from './devices/node-devices.ts';
import { createEdgedSink } from './edged-sink.ts';
import { createEvents, silentEvents } from './events.ts';
import { createHooks } from './hooks/index.ts';
import type { Host } from './host.ts';
import { createKubeletServices } from './kubelet-services.ts';
import { createNodeLease } from './node/lease.ts';
import { createNodeAgent } from './node/node-agent.ts';
import { nodeHealth } from './node/node-health.ts';
import { type Logind, systemLogind } from './node/shutdown/logind.ts';
import { createNodeShutdown } from './node/shutdown/node-shutdown.ts';
import { shutdownPeriods } from './node/shutdown/shutdown-groups.ts';
import { createUpkeep } from './node/upkeep.ts';
import { createPleg } from './pleg.ts';
import { createPluginRegistry } from './plugin-registry/registry.ts';
import { isStatic, isTerminal } from './pod/spec.ts';
import { createPodLoading } from './pod-loading.ts';
import { createPodSet, type PodSet } from './pod-set.ts';
import { createPodWorker } from './pod-worker.ts';
import { createProber, createProbes } from './probes/index.ts';
import { createSteps, type StepPoint } from './runtime/carry-out.ts';
import { followRuntime } from './runtime/follow-runtime.ts';
import { identityOf } from './runtime/labels.ts';
import { createNodeSettings } from './runtime/node-settings.ts';
import { createObserver } from './runtime/observe.ts';
import { createPodLogs } from './runtime/pod-logs.ts';
import { createRuntimeWatch, podCidrOf } from './runtime/runtime-info.ts';
import { createKubeletMetrics, type KubeletApi } from './server/index.ts';
import { createManifestFolder } from './static/manifest-folder.ts';
import { createMirrorPods } from './static/mirror-pods.ts';
import { createParseManifest } from './static/parse-manifest.ts';
import { createNodeVolumes } from './volumes/node-volumes.ts';

export interface EdgedOptions {
  /** Closed when the module stops. */
  readonly cri: CriClient;
  readonly meta: MetaClient;
  readonly config: EdgedConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly host: Host;
  /** Where the edge's Kubernetes API listens, for containers; default none (spec/edged.md §1.3). */
  readonly service?: { readonly host: string; readonly port: string };
  /** Default: this machine's. */
  readonly logind?: Logind;
  /** For crash tests: told what is about to happen. */
  readonly atPoint?: (point: StepPoint) => void;
}

export interface Edged {
  readonly module: Module;
  /** What MetaManager tells edged; may be called before the module starts. */
  readonly sink: EdgedSink;
  /** For the tunnel to the cloud. */
  readonly kubelet: KubeletApi;
}

/** The part of edgecore that runs the node's pods: a trimmed kubelet over CRI (DESIGN §9). */
export function createEdged(options: EdgedOptions): Edged {
  const { meta, config, clock, random, log, host, service = { host: '', port: '' } } = options;
  const stopping = new AbortController();
  const running: Promise<void>[] = [];
  const metrics = createKubeletMetrics(clock);
  const cri = metrics.observed(options.cri);
  const events = config.reportEvents
    ? createEvents({ nodeName: config.nodeName, report: (event) => meta.reportEvent(event), clock, log })
    : silentEvents;
  const runtime = createRuntimeWatch(cri, clock, log);

  const node = createNodeAgent({
    config,
    host,
    meta,
    runtime: () => runtime.info,
    health: () => nodeHealth(runtime.info, pleg.listedAt, clock.monotonic()),
    pressures: () => upkeep.pressures,
    shuttingDown: () => shutdown.active,
    devices: () => ({ capacity: devices.capacity(), allocatable: devices.allocatable() }),
    images: () => upkeep.images,
    volumesInUse: () => volumes.inUse(),
    onRegistered: () => lease.poke(),
    onReported: (status) => volumes.statusReported(status),
    events,
    clock,
    random,
    log,
  });
  const lease = createNodeLease({
    nodeName: config.nodeName,
    leaseSeconds: config.leaseSeconds,
    meta,
    nodeUid: () => node.uid,
    onLost: () => node.poke(),
    clock,
    random,
    log,
  });
  const volumes = createNodeVolumes({
    nodeName: config.nodeName,
    rootDir: config.rootDir,
    meta,
    host,
    events,
    onInUse: () => node.poke(),
    retry: () => pods.retry(),
    clock,
    random,
    log,
  });
  const devices = createNodeDevices({
    rootDir: config.rootDir,
    pods: () => (loading.loaded ? pods.list() : undefined),
    onChange() {
      node.poke();
      pods.retry();
    },
    clock,
    random,
    log,
  });
  const plugins = createPluginRegistry({
    dir: join(config.rootDir, 'plugins_registry'),
    handlers: { [PluginType.csi]: volumes.csiHandler, [PluginType.device]: devices.handler },
    connect: (socket) => createPluginRegistrationClient(socket, { clock }),
    clock,
    random,
    log,
  });
  const logs = createPodLogs(config.podLogsDir);
  const observer = createObserver(cri);
  const settings = createNodeSettings({
    cri,
    config,
    host,
    meta,
    events,
    clock,
    log,
    service,
    runtime: () => runtime.info,
    node,
    pods: () => pods.list(),
  });
  const hooks = createHooks({ cri, events, clock, log });
  const probes = createProbes({
    prober: createProber({ cri, grpc: grpcHealthCheck, clock }),
    events,
    clock,
    random,
    log,
    hostIPs: () => node.hostIPs,
    onChange: (uid) => pods.wake(uid),
  });
  const steps = createSteps({
    cri,
    images: settings.images,
    volumes,
    devices,
    settings: settings.pods,
    logs,
    meta,
    host,
    config,
    hooks,
    events,
    ...(options.atPoint === undefined ? {} : { atPoint: options.atPoint }),
    node: () => ({ hostIPs: node.hostIPs, allocatable: node.allocatable }),
    log,
  });
  const mirrors = createMirrorPods({
    nodeName: config.nodeName,
    meta,
    nodeUid: () => node.uid,
    clock,
    random,
    log,
    onMirror: (uid) => pods.reportAgain(uid),
  });
  const manifests = createManifestFolder({
    dir: config.staticPodDir,
    nodeName: config.nodeName,
    parse: createParseManifest(),
    clock,
    log,
    onChange: (found) => {
      mirrors.want(found);
      pods.setStatic(found);
    },
  });
  const pods: PodSet = createPodSet({
    nodeName: config.nodeName,
    log,
    admit: createAdmitPod({
      config,
      meta,
      allocatable: () => node.allocatable,
      pressures: () => upkeep.pressures,
      shuttingDown: () => shutdown.active,
      isolation: (pod) => settings.pods.refusal(pod),
      events,
    }),
    mirrorSeen: (mirror) => mirrors.seen(mirror),
    mirrorGone: (mirror) => mirrors.gone(mirror),
    worker: (pod: Pod, gone: boolean, { admit, onFinished }) =>
      createPodWorker({
        pod,
        gone,
        admit,
        apiIdentity: () => (isStatic(pod) ? mirrors.identityOf(pod) : identityOf(pod)),
        observer,
        steps,
        probes,
        events,
        logs,
        meta: {
          reportPodStatus(identity, status) {
            metrics.podReported(identity.uid, (status as PodStatus).phase);
            return meta.reportPodStatus(identity, status);
          },
          deletePod: (identity) => meta.deletePod(identity),
          forgetTokens: (uid) => meta.forgetTokens(uid),
        },
        node: () => ({
          hostIPs: node.hostIPs,
          runtimeName: runtime.info.name,
          networkProblem: runtime.info.networkProblem,
        }),
        clock,
        random,
        log,
        onFinished,
      }),
  });
  const upkeep = createUpkeep({
    cri,
    config,
    host,
    machine: () => node.machine,
    runtime: () => runtime.info,
    cgroups: settings.cgroups,
    logs,
    pods: () => (loading.loaded ? pods.list() : undefined),
    usage: (wanted, { storage }) => outside.stats.podUsage({ storage, pods: wanted }),
    evict: (uid, order) => void pods.order(uid, order),
    removeLeftovers: () => loading.removeLeftovers(),
    onPressure: () => node.poke(),
    events,
    clock,
    log,
  });
  const shutdown = createNodeShutdown({
    periods: shutdownPeriods(config.shutdown),
    logind: options.logind ?? systemLogind(),
    present: () =>
      host.deviceOf('/run/systemd/system').then(
        () => true,
        () => false,
      ),
    pods: () => pods.list().filter(({ status }) => !isTerminal(status?.phase)),
    end: (uid, order) => void pods.order(uid, order),
    onChange: () => node.poke(),
    events,
    clock,
    random,
    log,
  });
  const pleg = createPleg({
    cri,
    clock,
    random,
    log,
    onChange: ({ uid }) => pods.wake(uid),
    onRelist(present, tookMs) {
      metrics.relisted(tookMs);
      pods.adoptOrphans(present.values());
    },
  });

  const outside = createKubeletServices({
    config,
    cri,
    meta,
    pods: () => pods.list(),
    metrics,
    cgroupSettings: settings.cgroups,
    machine: () => ({ ...node.machine, cpuCount: host.cpuCount }),
    sandboxImage: () => runtime.info.sandboxImage ?? config.sandboxImage,
    probeCounts: () => probes.metrics(),
    syncLoopSeenAt: () => pleg.listedAt,
    clock,
    random,
    log,
  });

  const loading = createPodLoading({
    meta,
    manifests,
    mirrors,
    pods,
    volumes,
    settings,
    logs,
    clock,
    random,
    log,
  });
  const runtimeChanged = (works: boolean): void => {
    node.poke();
    settings.poke();
    if (works) pods.retry();
  };

  return {
    kubelet: outside.api,
    module: {
      name: 'edged',
      async start() {
        await node.open();
        await volumes.open();
        await devices.open();
        await settings.open();
        runtime.setPodCidr(podCidrOf(await meta.getNode(config.nodeName), config));
        events.node('Normal', 'Starting', 'Starting kubelet.');
        const { signal } = stopping;
        running.push(
          followRuntime(runtime, runtimeChanged, { clock }, signal),
          pleg.run(signal),
          node.run(signal),
          lease.run(signal),
          upkeep.run(signal),
          volumes.run(signal),
          devices.run(signal),
          plugins.run(signal),
          shutdown.run(signal),
          settings.run(signal),
          loading.run(signal),
          outside.run(signal),
        );
      },
      async stop() {
        stopping.abort(new Error('edged is stopping'));
        probes.stop();
        await pods.stop();
        await Promise.all(running);
        cri.close();
      },
    },
    sink: createEdgedSink({
      nodeChanged(changed) {
        runtime.setPodCidr(podCidrOf(changed, config));
        node.changed(changed);
        volumes.nodeChanged(changed);
      },
      node,
      lease,
      mirrors,
      volumes,
      settings,
      pods,
    }),
  };
}
