import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createGrpcServer, type GrpcServer, serviceOf } from '@kubeedge-ts/grpc/server';
import { NODE_METHODS, type NodeMethods, TABLES } from '@kubeedge-ts/kubelet-plugins/csi';
import {
  REGISTRATION_METHODS,
  TABLES as REGISTRATION_TABLES,
  type RegistrationMethods,
} from '@kubeedge-ts/kubelet-plugins/plugin-registration';
import { systemClock } from '@kubeedge-ts/runtime';
import { systemHost } from '../../../apps/edgecore/src/edged/index.ts';

/** A CSI driver with its registrar in this process. What it stages is memory, what it publishes is bound from there. */
export interface CsiDriver {
  /** `stage vol-1`, `publish vol-1` …, oldest first. */
  readonly calls: string[];
  /** What registration ended with. */
  readonly told: { readonly pluginRegistered: boolean; readonly error: string }[];
  close(): Promise<void>;
}

export async function startCsiDriver(name: string, root: string, dir: string): Promise<CsiDriver> {
  const calls: string[] = [];
  const told: { pluginRegistered: boolean; error: string }[] = [];
  const { mounts } = systemHost;
  const isMounted = async (path: string) => (await mounts.table()).some((mount) => mount.path === path);
  const unmount = async (path: string) => {
    if (await isMounted(path)) await mounts.unmount(path);
  };
  const node = serviceOf<NodeMethods>(NODE_METHODS, TABLES, {
    nodeGetInfo: () => ({
      nodeId: `${name}-node`,
      accessibleTopology: { segments: { [`${name}/zone`]: 'z1' } },
    }),
    nodeGetCapabilities: () => ({ capabilities: [{ rpc: { type: 1 } }] }),
    async nodeStageVolume({ volumeId, stagingTargetPath }) {
      calls.push(`stage ${volumeId}`);
      if (!(await isMounted(stagingTargetPath)))
        await mounts.mount({ source: volumeId, target: stagingTargetPath, type: 'tmpfs' });
      return {};
    },
    async nodeUnstageVolume({ volumeId, stagingTargetPath }) {
      calls.push(`unstage ${volumeId}`);
      await unmount(stagingTargetPath);
      return {};
    },
    async nodePublishVolume({ volumeId, stagingTargetPath, targetPath, readonly }) {
      calls.push(`publish ${volumeId}`);
      await mkdir(targetPath, { recursive: true });
      const options = readonly ? ['bind', 'ro'] : ['bind'];
      if (!(await isMounted(targetPath)))
        await mounts.mount({ source: stagingTargetPath, target: targetPath, options });
      return {};
    },
    async nodeUnpublishVolume({ volumeId, targetPath }) {
      calls.push(`unpublish ${volumeId}`);
      await unmount(targetPath);
      await rmdir(targetPath).catch(() => undefined);
      return {};
    },
  });
  const endpoint = join(dir, `${name}.sock`);
  const registration = serviceOf<RegistrationMethods>(REGISTRATION_METHODS, REGISTRATION_TABLES, {
    getInfo: () => ({ type: 'CSIPlugin', name, endpoint, supportedVersions: ['1.0.0'] }),
    notifyRegistrationStatus(status) {
      told.push(status);
      return {};
    },
  });
  const servers: GrpcServer[] = [];
  const serve = async (path: string, service: typeof node) =>
    void servers.push(await createGrpcServer({ listen: { path }, services: [service], clock: systemClock }));
  await serve(endpoint, node);
  await mkdir(join(root, 'plugins_registry'), { recursive: true });
  await serve(join(root, 'plugins_registry', `${name}-reg.sock`), registration);
  return {
    calls,
    told,
    async close() {
      for (const server of servers) await server.close();
      await rm(endpoint, { force: true });
    },
  };
}
