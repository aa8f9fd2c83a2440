import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { CsiNodeClient } from '@kubeedge-ts/kubelet-plugins/csi';
import type { Logger } from '@kubeedge-ts/runtime';
import type { PluginHandler, RegisteringPlugin } from '../../plugin-registry/registry.ts';
import type { Capabilities } from './requests.ts';

/** What a driver says of this node. */
export interface DriverNode {
  readonly nodeId: string;
  readonly topology: Readonly<Record<string, string>>;
}

export interface Driver {
  readonly name: string;
  readonly client: CsiNodeClient;
  readonly node: DriverNode;
  /** Asked for once per registration. */
  capabilities(): Promise<Capabilities>;
}

/** The CSI drivers that have registered on this node. */
export interface Drivers {
  readonly handler: PluginHandler;
  get(name: string): Driver | undefined;
  list(): readonly Driver[];
  close(): void;
}

export interface DriversOptions {
  readonly connect: (endpoint: string) => CsiNodeClient;
  /** Called when a driver came, changed or went. */
  readonly onChange: (name: string) => void;
  readonly log: Logger;
}

interface Entry extends Driver {
  readonly socket: string;
  readonly version: readonly [number, number];
}

export function createDrivers({ connect, onChange, log }: DriversOptions): Drivers {
  const drivers = new Map<string, Entry>();

  const register = async (plugin: RegisteringPlugin, signal: AbortSignal): Promise<void> => {
    const { name, endpoint, versions, socket } = plugin;
    const version = newestSupported(versions);
    if (version === undefined)
      throw new Error(`none of the versions ${JSON.stringify(versions)} is supported`);
    if (!/^[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/.test(name))
      throw new Error(`${name} is not a driver's name`);
    const present = drivers.get(name);
    if (present !== undefined && present.socket !== socket && compare(present.version, version) >= 0) {
      throw new Error(
        `another driver with the name ${name} is already registered with version ${present.version.join('.')}`,
      );
    }
    const client = connect(endpoint);
    try {
      const { nodeId, accessibleTopology } = await client.nodeGetInfo({}, { signal });
      if (nodeId === '') throw new Error('the driver has no name for this node');
      const node = { nodeId, topology: { ...accessibleTopology?.segments } };
      present?.client.close();
      drivers.set(name, { name, client, node, socket, version, capabilities: capabilitiesOf(client) });
    } catch (error) {
      client.close();
      throw error;
    }
    log.info({ driver: name, endpoint }, 'CSI driver registered');
    onChange(name);
  };

  return {
    handler: {
      register,
      unregister(name, socket) {
        const present = drivers.get(name);
        if (present === undefined || present.socket !== socket) return;
        present.client.close();
        drivers.delete(name);
        log.info({ driver: name }, 'CSI driver is gone');
        onChange(name);
      },
    },
    get: (name) => drivers.get(name),
    list: () => [...drivers.values()],
    close() {
      for (const { client } of drivers.values()) client.close();
      drivers.clear();
    },
  };
}

function capabilitiesOf(client: CsiNodeClient): () => Promise<Capabilities> {
  let known: Promise<Capabilities> | undefined;
  return () => {
    known ??= client.nodeGetCapabilities({}).then(
      ({ capabilities }) => new Set(capabilities.map(({ rpc }) => rpc?.type ?? 0)),
      (error: unknown) => {
        known = undefined;
        throw error;
      },
    );
    return known;
  };
}

/** Versions up to 1.x are spoken; `1.0.0`, `v1`, `0.3`. */
function newestSupported(versions: readonly string[]): readonly [number, number] | undefined {
  const parsed = versions.flatMap((text) => {
    const match = /^v?(\d{1,4})(?:\.(\d{1,4}))?(?:\..*)?$/.exec(text.trim());
    return match === null || Number(match[1]) > 1 ? [] : [[Number(match[1]), Number(match[2] ?? 0)] as const];
  });
  return parsed.sort(compare).at(-1);
}

function compare(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** Whether a call that failed so has surely had no lasting effect. */
export function isFinal(error: unknown): boolean {
  if (!isKubeEdgeError(error, 'GRPC_FAILED')) return false;
  return !UNCERTAIN.has(String(error.details['grpcCode']));
}

const UNCERTAIN = new Set(['CANCELLED', 'DEADLINE_EXCEEDED', 'UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'ABORTED']);

/** The driver's own words, which is what a user can act on. */
export function driverText(error: unknown): string {
  if (!isKubeEdgeError(error, 'GRPC_FAILED')) return errorText(error);
  const { grpcCode, problem } = error.details;
  return `rpc error: code = ${goCode(String(grpcCode))} desc = ${problem}`;
}

/** `DEADLINE_EXCEEDED` is `DeadlineExceeded` in the kubelet's events. */
function goCode(code: string): string {
  if (code === 'OK') return code;
  const words = code.toLowerCase().split('_');
  return words
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
    .replace('Cancelled', 'Canceled');
}
