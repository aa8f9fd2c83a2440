import { randomBytes } from 'node:crypto';
import type { Container, Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import { edgedErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { EdgedConfig } from '../config.ts';
import type { Devices } from '../devices/devices.ts';
import { withDevices } from '../devices/settings.ts';
import type { Events } from '../events.ts';
import type { Host } from '../host.ts';
import type { StepSignals } from '../interrupt.ts';
import { visibleText } from '../pod/failures.ts';
import { allContainersOf, everyContainerOf, graceLeft, graceSecondsOf } from '../pod/spec.ts';
import type { PodRuntime, RuntimeContainer, Start, Stop } from '../pod/types.ts';
import type { PreparedVolumes, Volumes } from '../volumes/volumes.ts';
import { blockDevicesOf, containerMounts, podDirectory } from './container-mounts.ts';
import type { ImagePuller, ImageRequest } from './image-puller.ts';
import { identityOf } from './labels.ts';
import type { PodLogs } from './pod-logs.ts';
import type { PodSettings } from './pod-settings.ts';
import { referencedReader } from './referenced.ts';

/** What the steps need to know of the node at the moment they run. */
export interface NodeView {
  readonly hostIPs: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
}

export type StepCri = Pick<
  CriClient,
  | 'runPodSandbox'
  | 'stopPodSandbox'
  | 'removePodSandbox'
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'removeContainer'
>;

/** The run whose hook it is. */
export interface HookTarget {
  readonly pod: Pod;
  /** Of the container. */
  readonly name: string;
  readonly containerId: string;
  readonly podIPs: readonly string[];
}

/** Life-cycle hooks of containers (spec/edged.md §8). */
export interface PodHooks {
  /** Resolves when the hook has run, or there is none. @throws KubeEdgeError EDGED_HOOK */
  postStart(target: HookTarget, signal: AbortSignal): Promise<void>;
  /** Resolves with the seconds it took of the grace; a hook that fails keeps no container from stopping. */
  preStop(target: HookTarget, graceSeconds: number, signal: AbortSignal): Promise<number>;
}

/** The points at which a test may end the process, named after what is about to happen, in the order of a pod's life. */
export const STEP_POINTS = [
  'prepareVolumes',
  'prepareLogs',
  'prepareCgroup',
  'runPodSandbox',
  'sandboxRuns',
  'pullImage',
  'createContainer',
  'containerCreated',
  'startContainer',
  'containerStarted',
  'postStart',
  'preStop',
  'stopContainer',
  'stopPodSandbox',
  'releaseVolumes',
  'removeCgroup',
  'removeContainer',
  'removeLogs',
  'removePodSandbox',
] as const;
export type StepPoint = (typeof STEP_POINTS)[number];

export interface StepsOptions {
  readonly cri: StepCri;
  readonly images: ImagePuller;
  readonly volumes: Volumes;
  readonly devices: Pick<Devices, 'allocate' | 'release'>;
  readonly settings: PodSettings;
  readonly logs: PodLogs;
  readonly meta: Pick<MetaClient, 'getReferenced'>;
  readonly host: Host;
  readonly config: EdgedConfig;
  readonly node: () => NodeView;
  readonly hooks: PodHooks;
  readonly events: Events;
  readonly log: Logger;
  /** For crash tests. */
  readonly atPoint?: (point: StepPoint) => void;
}

/** The single steps that actions consist of. Each may fail and be repeated; an error's `reason` is the waiting reason. */
export interface Steps {
  createSandbox(pod: Pod, attempt: number, signals: StepSignals): Promise<void>;
  startContainer(pod: Pod, start: Start, runtime: PodRuntime, signals: StepSignals): Promise<void>;
  /** Each with its preStop hook first, both within the grace. */
  stopContainers(pod: Pod, stops: readonly Stop[], runtime: PodRuntime, signal: AbortSignal): Promise<void>;
  stopSandboxes(ids: readonly string[], signal: AbortSignal): Promise<void>;
  /** With their logs. */
  removeContainers(pod: Pod, runs: readonly RuntimeContainer[], signal: AbortSignal): Promise<void>;
  removeSandboxes(ids: readonly string[], signal: AbortSignal): Promise<void>;
  /** Volumes, files and cgroup of the pod go. */
  release(pod: Pod): Promise<void>;
  /** Brings the content of the pod's volumes up to date; resolves with when a token in them is due. */
  refreshVolumes(pod: Pod, runtime: PodRuntime): Promise<number | undefined>;
}

export function createSteps(options: StepsOptions): Steps {
  const { cri, images, volumes, devices, settings, logs, meta, host, config, node, log } = options;
  const { hooks, events, atPoint = () => {} } = options;

  const podIPsOf = (pod: Pod, { sandboxes }: PodRuntime): readonly string[] =>
    pod.spec?.hostNetwork === true ? node().hostIPs : (sandboxes[0]?.ips ?? []);

  const volumeContext = (pod: Pod, runtime: PodRuntime) => ({
    addresses: { hostIPs: node().hostIPs, podIPs: podIPsOf(pod, runtime) },
    allocatable: node().allocatable,
  });

  /** Pulls the images that the container mounts as volumes. */
  const volumeImages = async (
    pod: Pod,
    container: Container,
    { byName }: PreparedVolumes,
    context: Pick<ImageRequest, 'read' | 'sandbox'>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> => {
    const ids = new Map<string, string>();
    for (const { name } of container.volumeMounts ?? []) {
      const source = byName.get(name)?.source;
      if (source?.kind !== 'image') continue;
      const { reference: image, pullPolicy = 'IfNotPresent' } = source;
      const wanted = { ...container, image, imagePullPolicy: pullPolicy };
      ids.set(name, (await images.ensure({ ...context, pod, container: wanted }, signal)).id);
    }
    return ids;
  };

  /** Its preStop hook and then its end share the grace (spec/edged.md §9). */
  const stopContainer = async (
    target: HookTarget,
    graceSeconds: number,
    why: string,
    signal: AbortSignal,
    runs = true,
  ): Promise<void> => {
    const { pod, name, containerId } = target;
    log.info({ container: name, id: containerId, graceSeconds, why }, 'stopping container');
    events.pod(pod, 'Normal', 'Killing', why, name);
    let timeout = graceSeconds;
    if (runs) {
      atPoint('preStop');
      const used = await hooks.preStop(target, graceSeconds, signal);
      timeout = graceLeft(graceSeconds, used * 1000);
    }
    signal.throwIfAborted();
    atPoint('stopContainer');
    await cri.stopContainer({ containerId, timeout }, { signal }).catch(ignoreGone);
  };

  return {
    async createSandbox(pod, attempt, { soft, firm }) {
      const refusal = settings.refusal(pod);
      if (refusal !== undefined) {
        const details = { pod: pod.metadata.name, problem: refusal.message, reason: refusal.reason };
        throw edgedErrors.create('EDGED_POD_CONFIG', details);
      }
      // What a container will need and cannot have is said before anything is made for it.
      atPoint('prepareVolumes');
      const nothing = { sandboxes: [], containers: [] };
      const { supplementalGroups } = await volumes.prepare(pod, volumeContext(pod, nothing), soft);
      atPoint('prepareLogs');
      for (const { name } of allContainersOf(pod)) await logs.prepare(pod, name);
      atPoint('prepareCgroup');
      const wanted = await settings.prepareSandbox(pod, attempt, supplementalGroups);
      soft.throwIfAborted();
      atPoint('runPodSandbox');
      await cri.runPodSandbox(wanted, { signal: firm });
      atPoint('sandboxRuns');
    },

    async startContainer(pod, start, runtime, { soft, firm }) {
      const container = everyContainerOf(pod).find(({ name }) => name === start.name) as Container;
      const context = volumeContext(pod, runtime);
      const sandbox = runtime.sandboxes.find(({ id }) => id === start.sandboxId);
      const wantedSandbox = await settings.sandboxConfig(pod, sandbox?.attempt ?? 0);
      const read = referencedReader(meta, identityOf(pod).namespace);
      atPoint('pullImage');
      const image = await images.ensure({ pod, container, read, sandbox: wantedSandbox }, soft);
      const prepared = await volumes.prepare(pod, context, soft);
      const given = await devices.allocate(pod, container, soft);
      const environment = await settings.environment(pod, container, context.addresses, read);
      const attempt = start.attempt ?? (await logs.nextAttempt(pod, container.name));
      const mounts = await containerMounts(container, {
        podDir: podDirectory(config.rootDir, pod),
        volumes: prepared.byName,
        environment,
        hosts: await settings.hostsFile(pod, context.addresses.podIPs),
        terminationId: randomBytes(4).toString('hex'),
        mounts: host.mounts,
        images: await volumeImages(pod, container, prepared, { read, sandbox: wantedSandbox }, soft),
        recursiveReadOnly: await settings.recursiveReadOnly(pod),
      });
      const plain = await settings.containerConfig(pod, container, runtime, {
        attempt,
        image,
        environment: new Map([...given.envs, ...environment]),
        mounts: [...given.mounts, ...mounts],
        devices: [...given.devices, ...blockDevicesOf(container, prepared.byName)],
        volumeGroups: prepared.supplementalGroups,
      });
      const wanted = withDevices(plain, given);
      await logs.prepare(pod, container.name);
      soft.throwIfAborted();
      atPoint('createContainer');
      const { containerId } = await cri
        .createContainer(
          { podSandboxId: start.sandboxId, config: wanted, sandboxConfig: wantedSandbox },
          { signal: firm },
        )
        .catch(rethrowAs('CreateContainerError', firm));
      atPoint('containerCreated');
      events.pod(pod, 'Normal', 'Created', `Created container: ${container.name}`, container.name);
      atPoint('startContainer');
      await cri.startContainer({ containerId }, { signal: firm }).catch(rethrowAs('RunContainerError', firm));
      atPoint('containerStarted');
      events.pod(pod, 'Normal', 'Started', `Started container ${container.name}`, container.name);
      await logs.link(pod, container.name, attempt, containerId).catch((error) => {
        log.debug({ container: container.name, err: errorText(error) }, 'no link to the container log');
      });
      log.info(
        { pod: pod.metadata.name, namespace: pod.metadata.namespace, container: container.name, attempt },
        'container started',
      );
      atPoint('postStart');
      const target = { pod, name: container.name, containerId, podIPs: context.addresses.podIPs };
      try {
        await hooks.postStart(target, soft);
      } catch (error) {
        if (soft.aborted) throw error;
        // A container whose hook failed is not the one that was asked for.
        await stopContainer(target, graceSecondsOf(pod), 'FailedPostStartHook', soft);
        throw error;
      }
    },

    async stopContainers(pod, stops, runtime, signal) {
      const podIPs = podIPsOf(pod, runtime);
      await each(stops, ({ id, name, graceSeconds, why }) => {
        const target = { pod, name, containerId: id, podIPs };
        const runs = runtime.containers.some((run) => run.id === id && run.state === 'running');
        return stopContainer(target, graceSeconds, why, signal, runs);
      });
    },
    async stopSandboxes(ids, signal) {
      atPoint('stopPodSandbox');
      await each(ids, (podSandboxId) => cri.stopPodSandbox({ podSandboxId }, { signal }).catch(ignoreGone));
    },
    async removeContainers(pod, runs, signal) {
      await each(runs, async ({ id, name, restartCount }) => {
        atPoint('removeContainer');
        await cri.removeContainer({ containerId: id }, { signal }).catch(ignoreGone);
        atPoint('removeLogs');
        await logs.removeRun(pod, name, restartCount);
      });
    },
    async removeSandboxes(ids, signal) {
      atPoint('removePodSandbox');
      await each(ids, (podSandboxId) => cri.removePodSandbox({ podSandboxId }, { signal }).catch(ignoreGone));
    },

    async release(pod) {
      const { uid } = identityOf(pod);
      atPoint('releaseVolumes');
      await volumes.release(uid);
      await devices.release(uid);
      atPoint('removeCgroup');
      await settings.release(uid);
    },
    async refreshVolumes(pod, runtime) {
      return (await volumes.prepare(pod, volumeContext(pod, runtime))).refreshAt;
    },
  };
}

/** All of them, at once; then the first error, if there was one. */
async function each<T>(items: readonly T[], task: (item: T) => Promise<unknown>): Promise<void> {
  const outcomes = await Promise.allSettled(items.map(task));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function ignoreGone(error: unknown): void {
  if (!isKubeEdgeError(error, 'CRI_NOT_FOUND')) throw error;
}

function rethrowAs(reason: string, signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    if (signal.aborted || isKubeEdgeError(error, 'CRI_UNAVAILABLE')) throw error;
    throw edgedErrors.create('EDGED_START', { reason, problem: visibleText(error) }, error);
  };
}
