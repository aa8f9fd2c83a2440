import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { GrpcCode, Init } from '@kubeedge-ts/grpc';
import {
  createGrpcServer,
  GrpcRefusal,
  type GrpcServer,
  type ServiceImplementation,
  serviceOf,
} from '@kubeedge-ts/grpc/server';
import {
  IDENTITY_METHODS,
  type IdentityMethods,
  NODE_METHODS,
  type NodeGetInfoResponse,
  type NodeGetVolumeStatsResponse,
  type NodeMethods,
  NodeServiceCapabilityRPCType as Rpc,
  TABLES,
} from '@kubeedge-ts/kubelet-plugins/csi';
import {
  PluginType,
  REGISTRATION_METHODS,
  TABLES as REGISTRATION_TABLES,
  type RegistrationMethods,
  type RegistrationStatus,
} from '@kubeedge-ts/kubelet-plugins/plugin-registration';
import { systemClock } from '@kubeedge-ts/runtime';
import { createFaults } from '../faults.ts';
import { type Mounting, mountings } from './mounting.ts';

export type CsiCall = Uncapitalize<keyof IdentityMethods | keyof NodeMethods | keyof RegistrationMethods>;

export interface CsiFailure {
  readonly code: GrpcCode;
  readonly details: string;
  /** What was asked for has been done all the same. */
  readonly done?: boolean;
}

export interface FakeCsiDriver {
  readonly name: string;
  /** Every call in order of arrival. */
  readonly calls: readonly { readonly call: CsiCall; readonly request: object }[];
  /** What registrations ended with. */
  readonly told: readonly RegistrationStatus[];
  /** Of NodeServiceCapability; default STAGE_UNSTAGE_VOLUME. */
  capabilities: readonly number[];
  nodeInfo: Init<NodeGetInfoResponse>;
  volumeStats: Init<NodeGetVolumeStatsResponse>;
  fail(call: CsiCall, failure: CsiFailure, times?: number): void;
  delay(call: CsiCall, ms: number): void;
  /** Not answered until it is healed. */
  hang(call: CsiCall): void;
  heal(call?: CsiCall): void;
  /** The driver dies; what it has mounted stays. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

export interface FakeCsiDriverOptions {
  readonly name: string;
  /** `<kubelet root>/plugins_registry`: where the registrar's socket appears. */
  readonly registry: string;
  /** Where the driver's own socket is; default: `<registry>/../plugins/<name>`. */
  readonly directory?: string;
  /** `tmpfs`: stages memory and binds it (root only); `files`: directories with a file `volume` that names it. */
  readonly mounting: keyof typeof mountings;
  /** What it says of itself; default `1.0.0`. */
  readonly supportedVersions?: readonly string[];
}

/** A CSI driver with its registrar: the identity and node services, without a controller. */
export async function startFakeCsiDriver(options: FakeCsiDriverOptions): Promise<FakeCsiDriver> {
  const { name, registry, supportedVersions = ['1.0.0'] } = options;
  const directory = options.directory ?? join(registry, '..', 'plugins', name);
  const mounting: Mounting = mountings[options.mounting];
  const endpoint = join(directory, 'csi.sock');
  const calls: { call: CsiCall; request: object }[] = [];
  const told: RegistrationStatus[] = [];
  const faults = createFaults<CsiCall, CsiFailure>((failure) =>
    Object.assign(new GrpcRefusal(failure.code, failure.details), { done: failure.done === true }),
  );
  let servers: GrpcServer[] = [];

  /** Records and lets pass, or not; a failure that says so comes after the work. */
  const scripted =
    <Request extends object, Response>(
      call: CsiCall,
      work: (request: Request) => Response | Promise<Response>,
    ) =>
    async (request: Request, { signal }: { signal: AbortSignal }): Promise<Response> => {
      calls.push({ call, request });
      try {
        await faults.pass(call, signal);
      } catch (failure) {
        if ((failure as { done?: boolean }).done) await work(request);
        throw failure;
      }
      signal.throwIfAborted();
      return work(request);
    };

  const identity: ServiceImplementation<IdentityMethods> = {
    getPluginInfo: scripted('getPluginInfo', () => ({ name, vendorVersion: '1' })),
    getPluginCapabilities: scripted('getPluginCapabilities', () => ({})),
    probe: scripted('probe', () => ({ ready: { value: true } })),
  };
  const node: ServiceImplementation<NodeMethods> = {
    nodeGetInfo: scripted('nodeGetInfo', () => driver.nodeInfo),
    nodeGetCapabilities: scripted('nodeGetCapabilities', () => ({
      capabilities: driver.capabilities.map((type) => ({ rpc: { type } })),
    })),
    nodeStageVolume: scripted('nodeStageVolume', async (request) => {
      await mounting.stage(request);
      return {};
    }),
    nodeUnstageVolume: scripted('nodeUnstageVolume', async ({ stagingTargetPath }) => {
      await mounting.unstage(stagingTargetPath);
      return {};
    }),
    nodePublishVolume: scripted('nodePublishVolume', async (request) => {
      await mounting.publish(request);
      return {};
    }),
    nodeUnpublishVolume: scripted('nodeUnpublishVolume', async ({ targetPath }) => {
      await mounting.unpublish(targetPath);
      return {};
    }),
    nodeGetVolumeStats: scripted('nodeGetVolumeStats', () => driver.volumeStats),
    nodeExpandVolume: scripted('nodeExpandVolume', ({ capacityRange }) => ({
      capacityBytes: capacityRange?.requiredBytes ?? 0,
    })),
  };
  const registration: ServiceImplementation<RegistrationMethods> = {
    getInfo: scripted('getInfo', () => ({ type: PluginType.csi, name, endpoint, supportedVersions })),
    notifyRegistrationStatus: scripted('notifyRegistrationStatus', (status) => {
      told.push(status as RegistrationStatus);
      return {};
    }),
  };
  const serve = async (path: string, ...services: ReturnType<typeof serviceOf>[]): Promise<void> => {
    servers.push(await createGrpcServer({ listen: { path }, services, clock: systemClock }));
  };

  const driver: FakeCsiDriver = {
    name,
    calls,
    told,
    capabilities: [Rpc.STAGE_UNSTAGE_VOLUME],
    nodeInfo: { nodeId: `${name}-node`, accessibleTopology: { segments: { [`${name}/zone`]: 'z1' } } },
    volumeStats: { usage: [{ total: 1_000_000, used: 1_000, available: 999_000, unit: 1 }] },
    fail: (call, failure, times = Number.POSITIVE_INFINITY) => faults.fail(call, failure, times),
    delay: (call, ms) => faults.delay(call, ms),
    hang: (call) => faults.hang(call),
    heal: (call) => (call === undefined ? faults.healAll() : faults.heal(call)),
    async goAway() {
      for (const server of servers) await server.close();
      servers = [];
    },
    async comeBack() {
      await mkdir(directory, { recursive: true });
      await mkdir(registry, { recursive: true });
      await serve(
        endpoint,
        serviceOf<IdentityMethods>(IDENTITY_METHODS, TABLES, identity),
        serviceOf<NodeMethods>(NODE_METHODS, TABLES, node),
      );
      await serve(
        join(registry, `${name}-reg.sock`),
        serviceOf<RegistrationMethods>(REGISTRATION_METHODS, REGISTRATION_TABLES, registration),
      );
    },
    async stop() {
      await driver.goAway();
      faults.healAll();
    },
  };
  await driver.comeBack();
  return driver;
}
