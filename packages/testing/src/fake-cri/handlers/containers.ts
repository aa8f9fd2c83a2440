import { stat, writeFile } from 'node:fs/promises';
import type { ContainerConfig, ContainerStatus, Init } from '@kubeedge-ts/cri';
import type { Backend, Handlers } from '../backend.ts';
import type { FakeContainer } from '../fake-runtime.ts';
import { NOT_FOUND, Refusal, UNKNOWN } from '../refusal.ts';
import { NoSuchCommand } from '../shell/process.ts';
import { isKnown } from '../shell/shell.ts';
import { containerItem, containerStatus, matches } from '../views.ts';

/** Containers: created, started, stopped, removed, looked at. */
export function containerHandlers(backend: Backend): Handlers {
  const { runtime, images, personality, strictCommands } = backend;
  const find = (reference: string) => images.find(reference);
  const status = (container: FakeContainer): Init<ContainerStatus> => {
    const whole = containerStatus(container, find);
    return personality.saysImageIdAndUser ? whole : { ...whole, imageId: '', user: undefined };
  };

  return {
    async CreateContainer({ podSandboxId, config }) {
      if (config?.metadata === undefined)
        throw new Refusal(UNKNOWN, 'container config must include metadata');
      const sandbox = runtime.sandbox(podSandboxId);
      if (!sandbox.ready) {
        throw new Refusal(personality.createInStopped, `sandbox "${sandbox.id}" is not running`);
      }
      const image = config.image?.image ?? '';
      if (find(image) === undefined) {
        throw new Refusal(NOT_FOUND, `failed to resolve image "${image}": not found`);
      }
      await checkMounts(backend, config);
      return { containerId: runtime.createContainer(sandbox.id, config, images.optionsOf(image)) };
    },
    StartContainer({ containerId }) {
      const container = runtime.container(containerId);
      const [command] = container.argv;
      if (strictCommands && command !== undefined && !isKnown(container.argv) && !container.isRunning) {
        const { message } = new NoSuchCommand(command);
        const problem = `failed to create containerd task: OCI runtime create failed: unable to start container process: ${message}`;
        container.exit(128, 'StartError', problem);
        throw new Refusal(UNKNOWN, problem);
      }
      runtime.startContainer(container.id);
      return {};
    },
    async StopContainer({ containerId, timeout }) {
      if (personality.stopUnknown === 'nothing' && !runtime.containers.has(containerId)) return {};
      const container = runtime.container(containerId);
      if (container.isRunning) await stop(backend, container, timeout * 1000);
      return {};
    },
    RemoveContainer({ containerId }) {
      runtime.removeContainer(containerId);
      return {};
    },
    ListContainers: ({ filter }) => ({
      containers: [...runtime.containers.values()]
        .filter(
          ({ id, sandboxId, config, state }) =>
            (!filter?.id || id.startsWith(filter.id)) &&
            (!filter?.podSandboxId || sandboxId.startsWith(filter.podSandboxId)) &&
            (filter?.state === undefined || filter.state.state === state) &&
            matches(config.labels, filter?.labelSelector),
        )
        .map((container) => containerItem(container, find)),
    }),
    ContainerStatus: ({ containerId }) => ({
      status: status(runtime.container(containerId)),
    }),
    UpdateContainerResources({ containerId, linux }) {
      const container = runtime.container(containerId);
      container.resources = { ...container.resources, ...linux };
      return {};
    },
    ReopenContainerLog({ containerId }) {
      const container = runtime.container(containerId);
      if (!container.isRunning) throw new Refusal(UNKNOWN, 'container is not running');
      container.reopenLog();
      return {};
    },
    async CheckpointContainer({ containerId, location }) {
      const container = runtime.container(containerId);
      if (!container.isRunning) throw new Refusal(UNKNOWN, 'container is not running');
      await writeFile(location, `checkpoint of ${container.id}\n`).catch((error: Error) => {
        throw new Refusal(UNKNOWN, error.message);
      });
      return {};
    },
  };
}

/** SIGTERM, to which it reacts after a while, by its trap or by ending; SIGKILL when the grace is over. */
async function stop({ settings, hurry }: Backend, container: FakeContainer, graceMs: number): Promise<void> {
  const { obeyMs } = settings;
  const grace = graceMs / hurry;
  if (obeyMs <= grace) {
    await endsWithin(container, obeyMs);
    if (!container.traps) container.exit(0);
    container.terminate();
  }
  await endsWithin(container, grace - Math.min(obeyMs, grace));
  container.exit(137);
}

async function endsWithin(container: FakeContainer, ms: number): Promise<void> {
  if (!container.isRunning) return;
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([container.ended, over]);
  clearTimeout(timer);
}

async function checkMounts(
  { images, personality, checkMounts: check }: Backend,
  config: ContainerConfig,
): Promise<void> {
  for (const { image, hostPath, containerPath } of config.mounts) {
    if (image !== undefined) {
      if (!personality.imageVolumes) {
        throw new Refusal(UNKNOWN, 'failed to generate spec: failed to mkdir "": no such file or directory');
      }
      if (images.find(image.image) === undefined) {
        throw new Refusal(NOT_FOUND, `failed to resolve image "${image.image}": not found`);
      }
    } else if (check && (await stat(hostPath).catch(() => undefined)) === undefined) {
      throw new Refusal(UNKNOWN, `mount of ${containerPath}: stat ${hostPath}: no such file or directory`);
    }
  }
}
