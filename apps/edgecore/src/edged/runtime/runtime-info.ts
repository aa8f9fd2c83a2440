import { isRecord, type Node } from '@kubeedge-ts/apis';
import type { CriClient, RuntimeFeatures, RuntimeHandler, StatusResponse } from '@kubeedge-ts/cri';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { CgroupDriver } from './cgroup-path.ts';

/** What is known of the runtime. */
export interface RuntimeInfo {
  /** `containerd`; empty until it has answered once. */
  readonly name: string;
  readonly version: string;
  /** Undefined: the runtime does not say. */
  readonly cgroupDriver: CgroupDriver | undefined;
  /** Handlers a RuntimeClass may name, and what they can do; empty where the runtime does not say (containerd 1.6). */
  readonly handlers: readonly RuntimeHandler[];
  readonly features: RuntimeFeatures | undefined;
  /** The image of its sandboxes as it says it (containerd before 2.0, which does not pin it). */
  readonly sandboxImage: string | undefined;
  /** Why no pod can run; undefined when all is well. */
  readonly runtimeProblem: string | undefined;
  /** Why no pod with a network of its own can start. */
  readonly networkProblem: string | undefined;
  /** Monotonic ms of the last answer; undefined before the first. */
  readonly answeredAt: number | undefined;
}

export interface RuntimeWatch {
  readonly info: RuntimeInfo;
  /** Asks the runtime how it is; never rejects. Resolves with whether it answers now. */
  check(signal: AbortSignal): Promise<boolean>;
  /** Addresses for the node's pods, as the cluster gives them; told to the runtime with the next answer of its. Empty: none. */
  setPodCidr(podCidr: string): void;
}

const CRI_VERSION = '0.1.0';
const CHECK_TIMEOUT_MS = 5_000;

export function createRuntimeWatch(
  cri: Pick<CriClient, 'version' | 'status' | 'runtimeConfig' | 'updateRuntimeConfig'>,
  clock: Clock,
  log: Logger,
): RuntimeWatch {
  let info: RuntimeInfo = {
    name: '',
    version: '',
    cgroupDriver: undefined,
    handlers: [],
    features: undefined,
    sandboxImage: undefined,
    runtimeProblem: 'container runtime status check may not have completed yet',
    networkProblem: undefined,
    answeredAt: undefined,
  };
  let away = true;
  let podCidr = '';
  /** What the runtime that answers now was told. */
  let told = '';

  /** A runtime whose network is configured elsewhere ignores it; the next check tries again. */
  const tellPodCidr = async (signal: AbortSignal): Promise<void> => {
    const wanted = podCidr;
    if (wanted === told || wanted === '') return;
    try {
      const runtimeConfig = { networkConfig: { podCidr: wanted } };
      await cri.updateRuntimeConfig({ runtimeConfig }, { signal, timeoutMs: CHECK_TIMEOUT_MS });
      told = wanted;
      log.info({ podCidr: wanted }, 'container runtime knows the addresses of pods');
    } catch (error) {
      log.warn(
        { podCidr: wanted, err: errorText(error) },
        'container runtime does not take the addresses of pods',
      );
    }
  };

  const introduce = async (signal: AbortSignal): Promise<void> => {
    const options = { signal, timeoutMs: CHECK_TIMEOUT_MS };
    const version = await cri.version({ version: CRI_VERSION }, options);
    told = '';
    const { cgroupDriver, sandboxImage } = await askConfig(options);
    info = {
      ...info,
      name: version.runtimeName,
      version: version.runtimeVersion,
      cgroupDriver,
      sandboxImage,
    };
    log.info(
      { runtime: version.runtimeName, version: version.runtimeVersion, cgroupDriver },
      'container runtime is there',
    );
  };

  const askConfig = async (options: { signal: AbortSignal; timeoutMs: number }): Promise<ConfigFacts> => {
    try {
      const { linux } = await cri.runtimeConfig({}, options);
      if (linux !== undefined) {
        return { cgroupDriver: linux.cgroupDriver === 0 ? 'systemd' : 'cgroupfs', sandboxImage: undefined };
      }
    } catch (error) {
      if (!isKubeEdgeError(error, 'CRI_FAILED')) throw error;
    }
    return configFromStatus(await cri.status({ verbose: true }, options));
  };

  return {
    get info() {
      return info;
    },
    setPodCidr(wanted) {
      podCidr = wanted;
    },
    async check(signal) {
      try {
        if (away) await introduce(signal);
        const answer = await cri.status({}, { signal, timeoutMs: CHECK_TIMEOUT_MS });
        const { status, runtimeHandlers: handlers, features } = answer;
        const failing = (type: string): string | undefined => {
          const condition = status?.conditions.find((candidate) => candidate.type === type);
          if (condition?.status === true) return undefined;
          if (condition === undefined) return `Missing node condition: ${type}`;
          return `container runtime ${type === 'RuntimeReady' ? '' : 'network '}not ready: ${type}=false reason:${condition.reason} message:${condition.message}`;
        };
        info = {
          ...info,
          handlers,
          features,
          runtimeProblem: failing('RuntimeReady'),
          networkProblem: failing('NetworkReady'),
          answeredAt: clock.monotonic(),
        };
        away = false;
        await tellPodCidr(signal);
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        if (!away || info.answeredAt === undefined) {
          log.warn({ err: errorText(error) }, 'container runtime does not answer, waiting for it');
        }
        away = true;
        // From here on one line per outage is enough.
        info = { ...info, runtimeProblem: 'container runtime is down', answeredAt: info.answeredAt ?? 0 };
        return false;
      }
    },
  };
}

/** The addresses that the cluster gives the node's pods, else those of the configuration. */
export function podCidrOf(node: Node | undefined, { podCidr }: { readonly podCidr: string }): string {
  return node?.spec?.podCIDRs?.join() ?? node?.spec?.podCIDR ?? podCidr;
}

interface ConfigFacts {
  readonly cgroupDriver: CgroupDriver | undefined;
  readonly sandboxImage: string | undefined;
}

/**
 * containerd before 2.0 answers no RuntimeConfig; its verbose status carries its configuration. CRI-O answers
 * RuntimeConfig since 1.28; its verbose status has the pause image only and says nothing about cgroups.
 */
export function configFromStatus({ info }: Pick<StatusResponse, 'info'>): ConfigFacts {
  const config = parse(info['config'] ?? 'null');
  const sandboxImage = config['sandboxImage'];
  return {
    cgroupDriver: driverOf(config),
    sandboxImage: typeof sandboxImage === 'string' && sandboxImage !== '' ? sandboxImage : undefined,
  };
}

function driverOf(config: Record<string, unknown>): CgroupDriver | undefined {
  if (config['systemdCgroup'] === true) return 'systemd';
  const containerd = config['containerd'];
  if (!isRecord(containerd) || !isRecord(containerd['runtimes'])) return undefined;
  const runtime = containerd['runtimes'][String(containerd['defaultRuntimeName'] ?? 'runc')];
  const options = isRecord(runtime) ? runtime['options'] : undefined;
  if (!isRecord(runtime)) return undefined;
  return isRecord(options) && options['SystemdCgroup'] === true ? 'systemd' : 'cgroupfs';
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
