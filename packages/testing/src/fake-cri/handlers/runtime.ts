import { CgroupDriver } from '@kubeedge-ts/cri';
import type { Backend, Handlers } from '../backend.ts';
import { Refusal, UNKNOWN } from '../refusal.ts';
import { matches, sandboxItem, sandboxStatus } from '../views.ts';

/** Version, Status and sandboxes. */
export function runtimeHandlers(backend: Backend): Handlers {
  const { runtime, personality, settings, root } = backend;

  return {
    Version: () => ({
      version: '0.1.0',
      runtimeName: personality.name,
      runtimeVersion: personality.version,
      runtimeApiVersion: 'v1',
    }),
    Status({ verbose }) {
      const network = settings.conditions.network
        ? { status: true }
        : { status: false, reason: 'NetworkPluginNotReady', message: 'cni not ready' };
      const info = verbose ? personality.info({ systemdCgroup: settings.systemdCgroup, root }) : {};
      return {
        status: {
          conditions: [
            { type: 'RuntimeReady', status: settings.conditions.runtime },
            { type: 'NetworkReady', ...network },
            ...personality.conditions,
          ],
        },
        info: Object.fromEntries(
          Object.entries(info).map(([name, value]) => [
            name,
            typeof value === 'string' ? value : JSON.stringify(value),
          ]),
        ),
        runtimeHandlers: settings.handlers,
        features: settings.features,
      };
    },
    RuntimeConfig: () => ({
      linux: { cgroupDriver: settings.systemdCgroup ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS },
    }),
    UpdateRuntimeConfig: () => ({}),

    RunPodSandbox({ config, runtimeHandler }) {
      if (config?.metadata === undefined) throw new Refusal(UNKNOWN, 'sandbox config must include metadata');
      const known = ['', 'runc', ...settings.handlers.map(({ name }) => name)];
      if (!known.includes(runtimeHandler)) {
        throw new Refusal(
          UNKNOWN,
          `failed to get sandbox runtime: no runtime for "${runtimeHandler}" is configured`,
        );
      }
      if (config.linux?.securityContext?.namespaceOptions?.network === 2 && config.hostname !== '') {
        throw new Refusal(UNKNOWN, 'unable to set hostname without a private UTS namespace');
      }
      return { podSandboxId: runtime.runSandbox(config, runtimeHandler) };
    },
    StopPodSandbox({ podSandboxId }) {
      if (personality.stopUnknown === 'error' || runtime.sandboxes.has(podSandboxId)) {
        runtime.stopSandbox(podSandboxId);
      }
      return {};
    },
    RemovePodSandbox({ podSandboxId }) {
      runtime.removeSandbox(podSandboxId);
      return {};
    },
    PodSandboxStatus: ({ podSandboxId }) => ({ status: sandboxStatus(runtime.sandbox(podSandboxId)) }),
    ListPodSandbox: ({ filter }) => ({
      items: [...runtime.sandboxes.values()]
        .filter(
          ({ id, config, ready }) =>
            (!filter?.id || id.startsWith(filter.id)) &&
            (filter?.state === undefined || filter.state.state === (ready ? 0 : 1)) &&
            matches(config.labels, filter?.labelSelector),
        )
        .map(sandboxItem),
    }),
  };
}
