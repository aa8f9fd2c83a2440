import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import {
  createDevicePluginClient,
  serveDeviceRegistration,
} from '@kubeedge-ts/kubelet-plugins/device-plugin';
import { servePodResources } from '@kubeedge-ts/kubelet-plugins/pod-resources';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import { createDevices, type Devices } from './devices.ts';
import { podResourcesSource } from './pod-resources.ts';

export interface NodeDevicesOptions {
  readonly rootDir: string;
  readonly pods: () => readonly Pod[] | undefined;
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Listener {
  close(): void | Promise<void>;
}

/** The devices of this node with the sockets where plugins register and agents ask (spec/edged.md §12.1, §12.6). */
export function createNodeDevices(options: NodeDevicesOptions): Devices {
  const { rootDir, clock, random, log, pods } = options;
  const dir = join(rootDir, 'device-plugins');
  const resources = join(rootDir, 'pod-resources');
  const devices = createDevices({
    ...options,
    dir,
    connect: (endpoint) => createDevicePluginClient(endpoint, { clock }),
  });

  /** A socket that cannot be had, another program's maybe, is tried for again; pods do not wait for it. */
  const serve = async (what: string, listen: () => Promise<Listener>, signal: AbortSignal): Promise<void> => {
    const backoff = createBackoff({ initialMs: 1_000, maxMs: 300_000 }, random);
    let listener: Listener | undefined;
    while (listener === undefined && !signal.aborted) {
      try {
        listener = await listen();
      } catch (error) {
        const waitMs = backoff.next();
        log.warn({ what, err: errorText(error), waitMs: Math.round(waitMs) }, 'socket could not be opened');
        await sleep(clock, waitMs, signal).catch(() => undefined);
      }
    }
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await listener?.close();
  };

  return {
    ...devices,
    // What changes is asked for anew each time.
    get inventory() {
      return devices.inventory;
    },
    get allocations() {
      return devices.allocations;
    },
    async run(signal) {
      await Promise.all([
        devices.run(signal),
        serve(
          'registration of device plugins',
          () => serveDeviceRegistration(join(dir, 'kubelet.sock'), devices.register, { clock }),
          signal,
        ),
        serve(
          'pod resources',
          async () => {
            await mkdir(resources, { recursive: true, mode: 0o750 });
            return servePodResources(join(resources, 'kubelet.sock'), podResourcesSource(pods, devices), {
              clock,
            });
          },
          signal,
        ),
      ]);
    },
  };
}
