import { join } from 'node:path';
import type { Pod, PodStatus } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import type { CriClient } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import { grpcHealthCheck } from '@kubeedge-ts/kubelet-plugins/health';
import { createPluginRegistrationClient, PluginType } from '@kubeedge-ts/kubelet-plugins/plugin-registration';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { EdgedSink, MetaClient } from '../metamanager/meta-client.ts';
import { createAdmitPod } from './admit-pod.ts';
import type { EdgedConfig } from './config.ts';
import { createNodeDevices } from './devices/node-devices.ts';
import { createEvents, silentEvents } from './events.ts';
import { createHooks } from './hooks/index.ts';
import type { Host } from './host.ts';
import { createKubeletServices } from './kubelet-services.ts';
import { createNodeLease } from './node/lease.ts';
import { createNodeAgent } from './node/node-agent.ts';
import { type Logind, systemLogind } from './node/shutdown/logind.ts';
import { createNodeShutdown } from './node/shutdown/node-shutdown.ts';
import { shutdownPeriods } from './node/shutdown/shutdown-groups.ts';
import { createUpkeep } from './node/upkeep.ts';
import { createPleg } from './pleg.ts';
import { createPluginRegistry } from './plugin-registry/registry.ts';
import { isMirror, isStatic, isTerminal } from './pod/spec.ts';
import { createPodSet, type PodSet } from './pod-set.ts';
import { createPodWorker } from './pod-worker.ts';
import { createProber, createProbes } from './probes/index.ts';
import { createSteps, type StepPoint } from './runtime/carry-out.ts';
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

const RUNTIME_CHECK_MS = 5_000;
const RUNTIME_RETRY_MS = 500;
const RUNTIME_STALE_MS = 30_000;
const PLEG_STALE_MS = 180_000;

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

  const health = (): string[] => {
    const { answeredAt, runtimeProblem, networkProblem } = runtime.info;
    const problems: string[] = [];
    const stale = answeredAt === undefined || clock.monotonic() - answeredAt > RUNTIME_STALE_MS;
    if (runtimeProblem !== undefined) problems.push(runtimeProblem);
    else if (stale) problems.push('container runtime is down');
    if (pleg.listedAt !== undefined && clock.monotonic() - pleg.listedAt > PLEG_STALE_MS) {
      const seconds = Math.round((clock.monotonic() - pleg.listedAt) / 1000);
      problems.push(`PLEG is not healthy: pleg was last seen active ${seconds}s ago; threshold is 3m0s`);
    }
    if (networkProblem !== undefined) problems.push(networkProblem);
    return problems;
  };

  const node = createNodeAgent({
    config,
    host,
    meta,
    runtime: () => runtime.info,
    health,
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
    pods: () => (loaded ? pods.list() : undefined),
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
  let loaded = false;
  const upkeep = createUpkeep({
    cri,
    config,
    host,
    machine: () => node.machine,
    runtime: () => runtime.info,
    cgroups: settings.cgroups,
    logs,
    pods: () => (loaded ? pods.list() : undefined),
    usage: (wanted, { storage }) => outside.stats.podUsage({ storage, pods: wanted }),
    evict: (uid, order) => void pods.order(uid, order),
    removeLeftovers: async () => {
      if (loaded) await removeLeftovers();
    },
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

  const watchRuntime = async (signal: AbortSignal): Promise<void> => {
    let before: string | undefined = 'unknown';
    while (!signal.aborted) {
      const answers = await runtime.check(signal);
      const problem = runtime.info.runtimeProblem ?? runtime.info.networkProblem;
      if (problem !== before) {
        node.poke();
        settings.poke();
        if (problem === undefined) pods.retry();
      }
      before = problem;
      const waitMs = answers && problem === undefined ? RUNTIME_CHECK_MS : RUNTIME_RETRY_MS;
      await sleep(clock, waitMs, signal).catch(() => undefined);
    }
  };

  /** The store is local, so it answers; should it not, orphans must not be touched until it does. */
  const loadPods = async (signal: AbortSignal): Promise<void> => {
    const backoff = createBackoff({ initialMs: 200, maxMs: 10_000 }, random);
    while (!signal.aborted) {
      try {
        const known = await meta.listPods();
        for (const pod of known) if (isMirror(pod)) mirrors.seen(pod);
        const found = await manifests.read(signal);
        mirrors.want(found);
        // What the API last showed of a static pod is what is known of its past.
        pods.setStatic(found.map((pod) => ({ ...pod, status: mirrors.statusOf(pod) ?? pod.status ?? {} })));
        pods.load(known);
        loaded = true;
        settings.poke();
        running.push(manifests.run(signal), mirrors.run(signal));
        log.info({ pods: known.length }, 'pods of the store are started');
        await removeLeftovers().catch((error) => {
          log.warn({ err: errorText(error) }, 'leftovers of ended pods could not be removed');
        });
        return;
      } catch (error) {
        log.error({ err: errorText(error) }, 'pods could not be read from the store, trying again');
        await sleep(clock, backoff.next(), signal).catch(() => undefined);
      }
    }
  };

  /** Directories and cgroups of pods that ended while edgecore was away. */
  const removeLeftovers = async (): Promise<void> => {
    for (const uid of [...(await volumes.directories()), ...(await settings.leftCgroups())]) {
      if (pods.has(uid)) continue;
      pods.adoptOrphans([{ uid, name: uid, namespace: 'unknown' }]);
    }
    await logs.removeUnknown((uid) => pods.has(uid));
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
          watchRuntime(signal),
          pleg.run(signal),
          node.run(signal),
          lease.run(signal),
          upkeep.run(signal),
          volumes.run(signal),
          devices.run(signal),
          plugins.run(signal),
          shutdown.run(signal),
          settings.run(signal),
          loadPods(signal),
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
    sink: {
      podChanged(pod) {
        pods.changed(pod);
        settings.poke();
      },
      podDeleted(pod) {
        pods.deleted(pod);
        settings.poke();
      },
      nodeChanged(changed) {
        runtime.setPodCidr(podCidrOf(changed, config));
        node.changed(changed);
        volumes.nodeChanged(changed);
      },
      nodeGone: () => node.gone(),
      referencedChanged: (type, namespace, name) => pods.referencedChanged(`${type}/${name}`, namespace),
      // Variables are made when a container is created; running ones keep theirs, as with any kubelet.
      servicesChanged: () => {},
      releaseHeldUpgrade: (pod) => pods.releaseHold(pod),
      connectionChanged(connected) {
        node.poke();
        lease.poke();
        mirrors.poke();
        if (!connected) return;
        volumes.connected();
        pods.retry();
      },
    },
  };
}
