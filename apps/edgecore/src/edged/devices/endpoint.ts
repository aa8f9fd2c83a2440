import { errorText } from '@kubeedge-ts/errors';
import type {
  ContainerAllocateResponse,
  Device,
  DevicePluginClient,
  DevicePluginOptions,
} from '@kubeedge-ts/kubelet-plugins/device-plugin';
import type { Logger } from '@kubeedge-ts/runtime';

/** The plugin of one resource, while it is connected. */
export interface Endpoint {
  readonly options: DevicePluginOptions;
  allocate(ids: readonly string[], signal?: AbortSignal): Promise<ContainerAllocateResponse>;
  prefer(
    available: readonly string[],
    mustInclude: readonly string[],
    size: number,
  ): Promise<readonly string[]>;
  preStart(ids: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Lets go of it; `onStopped` is not called any more. */
  close(): Promise<void>;
}

export interface EndpointOptions {
  readonly resource: string;
  readonly client: DevicePluginClient;
  readonly onList: (devices: readonly Device[]) => void;
  /** The plugin has gone. */
  readonly onStopped: () => void;
  readonly log: Logger;
}

/** Lists are cut here: a plugin that shares a device offers thousands, not millions. */
const MAX_DEVICES = 20_000;

/** Asks the plugin for its options and follows its list. Rejects when it does not answer. */
export async function connectEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { resource, client, onList, onStopped, log } = options;
  const stopping = new AbortController();
  let answer: DevicePluginOptions;
  try {
    answer = await client.getDevicePluginOptions({});
  } catch (error) {
    client.close();
    throw error;
  }

  const follow = async (): Promise<void> => {
    try {
      for await (const { devices } of client.listAndWatch({}, { signal: stopping.signal })) {
        if (devices.length > MAX_DEVICES)
          log.warn(
            { resource, devices: devices.length },
            'a device plugin lists too many devices, the rest is ignored',
          );
        onList(devices.slice(0, MAX_DEVICES));
      }
      if (!stopping.signal.aborted) log.warn({ resource }, 'device plugin has ended its list of devices');
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ resource, err: errorText(error) }, 'device plugin is gone');
    }
    client.close();
    if (!stopping.signal.aborted) onStopped();
  };
  const following = follow();

  return {
    options: answer,
    async allocate(ids, signal) {
      const { containerResponses } = await client.allocate(
        { containerRequests: [{ devicesIds: ids }] },
        { signal },
      );
      const [response] = containerResponses;
      if (response === undefined) throw new Error('no containers return in allocation response');
      return response;
    },
    async prefer(available, mustInclude, size) {
      const request = {
        availableDeviceIDs: available,
        mustIncludeDeviceIDs: mustInclude,
        allocationSize: size,
      };
      const { containerResponses } = await client.getPreferredAllocation({ containerRequests: [request] });
      return containerResponses[0]?.deviceIDs ?? [];
    },
    async preStart(ids, signal) {
      await client.preStartContainer({ devicesIds: ids }, { signal });
    },
    async close() {
      stopping.abort(new Error('replaced or stopping'));
      client.close();
      await following;
    },
  };
}
