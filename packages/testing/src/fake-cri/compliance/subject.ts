import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  type ContainerConfig,
  ContainerState,
  type ContainerStatus,
  type CriClient,
  type Init,
  type PodSandboxConfig,
} from '@kubeedge-ts/cri';
import { isKubeEdgeError } from '@kubeedge-ts/errors';

/** What runtimes may do differently, each of which edged copes with. */
export type Difference =
  /** RuntimeConfig is UNIMPLEMENTED; the cgroup driver is in the verbose status (containerd before 2.0). */
  | 'no-runtime-config'
  /** GetContainerEvents is UNIMPLEMENTED (containerd before 1.7). */
  | 'no-events'
  /** CheckpointContainer is UNIMPLEMENTED (containerd before 2.1, or without criu). */
  | 'no-checkpoint'
  /** ListMetricDescriptors and ListPodSandboxMetrics are UNIMPLEMENTED. */
  | 'no-metrics'
  /** Mounts of images are refused (containerd before 2.1). */
  | 'no-image-volumes'
  /** Stopping what is not known is CRI_NOT_FOUND (containerd before 2.0), not nothing. */
  | 'stop-unknown-fails'
  /** An ExecSync that takes too long answers with exit code -1 (CRI-O), not with DEADLINE_EXCEEDED. */
  | 'exec-timeout-answers'
  /** An exec into a container that has ended is CRI_NOT_FOUND (CRI-O), not CRI_FAILED. */
  | 'exec-exited-is-not-found'
  /** There is no registry to pull from: a pull fails whatever its name. */
  | 'no-registry';

export interface CriUnderTest {
  readonly client: CriClient;
  /** An image that is there and has `sh` and `sleep`, and no command that ends by itself. */
  readonly image: string;
  /** As `image`; one has USER 1000, one USER `app`, one a command that does not end and FROM_IMAGE=yes. */
  readonly users: { readonly number: string; readonly name: string; readonly entrypoint: string };
  /** May be removed. */
  readonly spareImage: string;
  /** An image of a registry; absent with `no-registry`. */
  readonly pullable?: string;
  /** Existing directory for logs, and for directories that are mounted. */
  readonly logDirectory: string;
  /** Parent of all cgroups, such as `/test-1`; empty for the runtime's default. */
  readonly cgroupParent?: string;
  readonly differs: readonly Difference[];
  stop(): Promise<void>;
}

/** A pod of the suite. */
export interface TestPod {
  readonly sandbox: string;
  readonly config: Init<PodSandboxConfig>;
  readonly uid: string;
  /** Creates a container, `main` unless it is named; `script` is run by `sh -c`. */
  create(script: string | undefined, more?: Init<ContainerConfig>): Promise<string>;
  /** Creates and starts one. */
  run(script: string | undefined, more?: Init<ContainerConfig>): Promise<string>;
}

export interface Subject {
  readonly cri: CriUnderTest;
  readonly client: CriClient;
  differs(difference: Difference): boolean;
  sandboxConfig(attempt?: number): Init<PodSandboxConfig> & { labels: Record<string, string> };
  /** With a sandbox of its own, which is gone afterwards. */
  withPod(use: (pod: TestPod) => Promise<void>): Promise<void>;
  statusOf(containerId: string): Promise<ContainerStatus>;
  /** Waits for the container to end. */
  exited(containerId: string): Promise<ContainerStatus>;
  /** Runs a command; what it printed. Fails unless it exits with 0. */
  exec(containerId: string, ...cmd: string[]): Promise<string>;
}

export function createSubject(current: () => CriUnderTest): Subject {
  const subject: Subject = {
    get cri() {
      return current();
    },
    get client() {
      return current().client;
    },
    differs: (difference) => current().differs.includes(difference),
    sandboxConfig(attempt = 0) {
      const uid = randomUUID();
      return {
        metadata: { name: 'pod', uid, namespace: 'default', attempt },
        hostname: 'pod',
        logDirectory: `${current().logDirectory}/${uid}`,
        labels: { 'io.kubernetes.pod.uid': uid },
        annotations: { note: 'kept' },
        linux: {
          cgroupParent: current().cgroupParent ?? '',
          securityContext: { namespaceOptions: { pid: 1 } },
        },
      };
    },
    async withPod(use) {
      const { client, image } = current();
      const config = subject.sandboxConfig();
      const { podSandboxId } = await client.runPodSandbox({ config });
      const create: TestPod['create'] = async (script, more = {}) => {
        const wanted = await client.imageStatus({ image: { image: more.image?.image ?? image } });
        const name = more.metadata?.name ?? 'main';
        const { containerId } = await client.createContainer({
          podSandboxId,
          sandboxConfig: config,
          config: {
            ...(script === undefined ? {} : { command: ['sh', '-c', script] }),
            labels: { ...config.labels, 'io.kubernetes.container.name': name },
            annotations: { 'io.kubernetes.container.restartCount': '3' },
            logPath: `${name}/3.log`,
            linux: { resources: {}, securityContext: { namespaceOptions: { pid: 1 } } },
            ...more,
            metadata: { name, attempt: 3 },
            image: { image: wanted.image?.id ?? more.image?.image ?? '' },
          },
        });
        return containerId;
      };
      try {
        await use({
          sandbox: podSandboxId,
          config,
          uid: config.labels['io.kubernetes.pod.uid'] as string,
          create,
          async run(script, more) {
            const containerId = await create(script, more);
            await client.startContainer({ containerId });
            return containerId;
          },
        });
      } finally {
        await client.stopPodSandbox({ podSandboxId }).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
        await client.removePodSandbox({ podSandboxId });
      }
    },
    async statusOf(containerId) {
      const { status } = await current().client.containerStatus({ containerId });
      assert.ok(status);
      return status;
    },
    async exited(containerId) {
      return until('the container ends', async () => {
        const status = await subject.statusOf(containerId);
        return status.state === ContainerState.CONTAINER_EXITED ? status : undefined;
      });
    },
    async exec(containerId, ...cmd) {
      const { stdout, stderr, exitCode } = await current().client.execSync({ containerId, cmd, timeout: 10 });
      assert.equal(exitCode, 0, `${cmd.join(' ')}: ${Buffer.from(stderr).toString()}`);
      return Buffer.from(stdout).toString();
    },
  };
  return subject;
}

/** Asks until there is an answer; 10 s. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + 10_000; ; ) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`not reached: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const isNotFound = (error: unknown): boolean => isKubeEdgeError(error, 'CRI_NOT_FOUND');
export const isFailed = (error: unknown): boolean => isKubeEdgeError(error, 'CRI_FAILED');
export const isUnimplemented = (error: unknown): boolean =>
  isKubeEdgeError(error, 'CRI_FAILED') && error.details['grpcCode'] === 'UNIMPLEMENTED';
