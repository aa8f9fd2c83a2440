import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { createCodec, createGrpcClient } from '@kubeedge-ts/grpc';
import { createGrpcServer, GrpcRefusal, type GrpcServer, serviceOf } from '@kubeedge-ts/grpc/server';
import { systemClock as clock } from '@kubeedge-ts/runtime';
import * as csi from './csi.ts';
import * as device from './device-plugin.ts';
import * as health from './health.ts';
import * as registration from './plugin-registration.ts';
import * as podResources from './pod-resources.ts';

let dir: string;
let cleanups: (() => unknown)[];

const socket = (): string => join(dir, 'p.sock');
async function serve(...services: Parameters<typeof createGrpcServer>[0]['services']): Promise<GrpcServer> {
  const server = await createGrpcServer({ listen: { path: socket() }, clock, services });
  cleanups.push(() => server.close());
  return server;
}
function closing<T extends { close(): unknown }>(client: T): T {
  cleanups.push(() => client.close());
  return client;
}
const failsWith = (grpcCode: string) => (error: unknown) => {
  assert.ok(isKubeEdgeError(error, 'GRPC_FAILED'), String(error));
  assert.equal(error.details['grpcCode'], grpcCode);
  return true;
};

describe("the clients and servers of the kubelet's plugins", () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-plugins-'));
    cleanups = [];
  });
  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    await rm(dir, { recursive: true, force: true });
  });

  test('a plugin says who it is within a second, and is told whether it was taken', async () => {
    const told: registration.RegistrationStatus[] = [];
    let silent = false;
    await serve(
      serviceOf<registration.RegistrationMethods>(registration.REGISTRATION_METHODS, registration.TABLES, {
        getInfo: () =>
          silent
            ? new Promise(() => {})
            : { type: registration.PluginType.csi, name: 'a.example.com', supportedVersions: ['1.0.0'] },
        notifyRegistrationStatus: (status) => {
          told.push(status);
          return {};
        },
      }),
    );
    const client = closing(registration.createPluginRegistrationClient(`unix://${socket()}`, { clock }));
    assert.deepEqual(await client.getInfo({}), {
      type: 'CSIPlugin',
      name: 'a.example.com',
      endpoint: '',
      supportedVersions: ['1.0.0'],
    });
    await client.notifyRegistrationStatus({ pluginRegistered: false, error: 'no such type' });
    assert.deepEqual(told, [{ pluginRegistered: false, error: 'no such type' }]);
    silent = true;
    const asked = performance.now();
    await assert.rejects(client.getInfo({}), failsWith('DEADLINE_EXCEEDED'));
    assert.ok(performance.now() - asked < 3_000);
  });

  test('a CSI driver answers as identity and as node; what it refuses keeps its code', async () => {
    const published: csi.NodePublishVolumeRequest[] = [];
    await serve(
      serviceOf<csi.IdentityMethods>(csi.IDENTITY_METHODS, csi.TABLES, {
        getPluginInfo: () => ({ name: 'a.example.com' }),
        probe: () => ({ ready: { value: true } }),
      }),
      serviceOf<csi.NodeMethods>(csi.NODE_METHODS, csi.TABLES, {
        nodePublishVolume: (request) => {
          published.push(request);
          return {};
        },
        nodeStageVolume: () => {
          throw new GrpcRefusal('ABORTED', 'an operation is under way');
        },
      }),
    );
    const client = closing(csi.createCsiNodeClient(socket(), { clock, timeoutMs: 2_000 }));
    assert.equal((await client.getPluginInfo({})).name, 'a.example.com');
    assert.deepEqual((await client.probe({})).ready, { value: true });
    await client.nodePublishVolume({
      volumeId: 'v',
      targetPath: '/t',
      volumeCapability: {
        mount: {},
        accessMode: { mode: csi.VolumeCapabilityAccessModeMode.SINGLE_NODE_WRITER },
      },
    });
    assert.equal(published[0]?.volumeCapability?.accessMode?.mode, 1);
    assert.notEqual(published[0]?.volumeCapability?.mount, undefined);
    assert.equal(published[0]?.volumeCapability?.block, undefined);
    await assert.rejects(client.nodeStageVolume({}), failsWith('ABORTED'));
    await assert.rejects(client.nodeGetVolumeStats({}), failsWith('UNIMPLEMENTED'));
  });

  test('a device plugin registers, lists its devices as they change, and the list ends when it goes', async () => {
    const registered: device.RegisterRequest[] = [];
    const kubelet = join(dir, 'kubelet.sock');
    const registry = await device.serveDeviceRegistration(
      kubelet,
      (request) => {
        if (request.version !== device.DEVICE_PLUGIN_VERSION) {
          throw new GrpcRefusal('INVALID_ARGUMENT', `version ${request.version}`);
        }
        registered.push(request);
      },
      { clock },
    );
    cleanups.push(() => registry.close());
    const toKubelet = closing(
      createGrpcClient<device.RegistrationMethods>({
        target: { path: kubelet },
        clock,
        methods: device.REGISTRATION_METHODS,
        codec: createCodec(device.TABLES),
        deadlineOf: () => 2_000,
      }),
    );
    await toKubelet.register({ version: 'v1beta1', endpoint: 'p.sock', resourceName: 'example.com/d' });
    await assert.rejects(toKubelet.register({ version: 'v1' }), failsWith('INVALID_ARGUMENT'));
    assert.deepEqual(
      registered.map(({ resourceName, options }) => [resourceName, options]),
      [['example.com/d', undefined]],
    );

    const plugin = await serve(
      serviceOf<device.DevicePluginMethods>(device.DEVICE_PLUGIN_METHODS, device.TABLES, {
        async *listAndWatch(_, { signal }) {
          yield { devices: [{ ID: 'd0', health: device.DeviceHealth.healthy }] };
          yield { devices: [{ ID: 'd0', health: device.DeviceHealth.unhealthy }] };
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
          });
        },
        allocate: ({ containerRequests }) => ({
          containerResponses: containerRequests.map(({ devicesIds }) => ({
            envs: { DEVICES: devicesIds.join(',') },
          })),
        }),
      }),
    );
    const client = closing(device.createDevicePluginClient(socket(), { clock }));
    const seen: string[] = [];
    await assert.rejects(
      async () => {
        for await (const { devices } of client.listAndWatch({})) {
          seen.push(...devices.map(({ health }) => health));
          if (seen.length === 2) void plugin.close();
        }
      },
      (error) => isKubeEdgeError(error, 'GRPC_UNAVAILABLE'),
    );
    assert.deepEqual(seen, ['Healthy', 'Unhealthy']);
  });

  test('an allocation comes back per container', async () => {
    await serve(
      serviceOf<device.DevicePluginMethods>(device.DEVICE_PLUGIN_METHODS, device.TABLES, {
        allocate: ({ containerRequests }) => ({
          containerResponses: containerRequests.map(({ devicesIds }) => ({
            envs: { DEVICES: devicesIds.join(',') },
            devices: [{ containerPath: '/dev/d', hostPath: '/dev/d', permissions: 'rw' }],
          })),
        }),
      }),
    );
    const client = closing(device.createDevicePluginClient(socket(), { clock }));
    const { containerResponses } = await client.allocate({
      containerRequests: [{ devicesIds: ['d0', 'd1'] }],
    });
    assert.deepEqual(containerResponses[0]?.envs, { DEVICES: 'd0,d1' });
    assert.equal(containerResponses[0]?.devices[0]?.permissions, 'rw');
  });

  test('who asks for pod resources gets all pods, one pod, or NOT_FOUND', async () => {
    const server = await podResources.servePodResources(
      socket(),
      {
        list: () => [{ name: 'p', namespace: 'ns', containers: [{ name: 'c', cpuIds: [1, 2] }] }],
        allocatable: () => ({ cpuIds: [0, 1, 2, 3] }),
      },
      { clock },
    );
    cleanups.push(() => server.close());
    const client = closing(
      createGrpcClient<podResources.PodResourcesListerMethods>({
        target: { path: socket() },
        clock,
        methods: podResources.POD_RESOURCES_LISTER_METHODS,
        codec: createCodec(podResources.TABLES),
        deadlineOf: () => 2_000,
      }),
    );
    assert.deepEqual((await client.list({})).podResources[0]?.containers[0]?.cpuIds, [1, 2]);
    assert.deepEqual((await client.getAllocatableResources({})).cpuIds, [0, 1, 2, 3]);
    assert.equal((await client.get({ podName: 'p', podNamespace: 'ns' })).podResources?.name, 'p');
    await assert.rejects(client.get({ podName: 'q', podNamespace: 'ns' }), failsWith('NOT_FOUND'));
  });

  describe('a health check', () => {
    let port = 0;
    let hang = false;
    const check = (service?: string, timeoutMs = 2_000, signal?: AbortSignal): Promise<string> =>
      health.grpcHealthCheck({ host: '127.0.0.1', port, service, timeoutMs, clock, signal });
    const serveHealth = async (withHealth: boolean): Promise<void> => {
      const service = serviceOf<health.HealthMethods>(health.HEALTH_METHODS, health.TABLES, {
        check: ({ service }) => {
          if (hang) return new Promise(() => {});
          if (service === 'unknown') throw new GrpcRefusal('NOT_FOUND', 'unknown service');
          return { status: service === 'ill' ? 2 : 1 };
        },
      });
      const server = await createGrpcServer({
        listen: { host: '127.0.0.1', port: 0 },
        clock,
        services: withHealth ? [service] : [],
      });
      cleanups.push(() => server.close());
      port = 'port' in server.target ? server.target.port : 0;
    };

    test('returns what the server says of the service', async () => {
      hang = false;
      await serveHealth(true);
      assert.equal(await check(), 'SERVING');
      assert.equal(await check('ill'), 'NOT_SERVING');
      await assert.rejects(check('unknown'), failsWith('NOT_FOUND'));
    });

    test('tells a server without health service, a slow one, none at all and one of another protocol apart', async () => {
      await serveHealth(false);
      await assert.rejects(check(), failsWith('UNIMPLEMENTED'));
      hang = true;
      await serveHealth(true);
      await assert.rejects(check('', 50), failsWith('DEADLINE_EXCEEDED'));
      const stop = new AbortController();
      const stopped = assert.rejects(check('', 5_000, stop.signal), /enough/);
      stop.abort(new Error('enough'));
      await stopped;

      const unavailable = (error: unknown): boolean => isKubeEdgeError(error, 'GRPC_UNAVAILABLE');
      const http = createHttpServer((_, response) => response.end());
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
      port = (http.address() as { port: number }).port;
      await assert.rejects(check(), unavailable);
      http.close();
      http.closeAllConnections();
      await assert.rejects(check(), unavailable);

      const mute = createTcpServer();
      await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
      port = (mute.address() as { port: number }).port;
      await assert.rejects(check('', 50), failsWith('DEADLINE_EXCEEDED'));
      mute.close();
    });
  });
});
