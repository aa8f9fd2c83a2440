import { mkdir, rm, rmdir, symlink, unlink, writeFile } from 'node:fs/promises';
import { grpcErrors } from '@kubeedge-ts/errors';
import type {
  CsiNodeClient,
  NodePublishVolumeRequest,
  NodeStageVolumeRequest,
} from '@kubeedge-ts/kubelet-plugins/csi';
import type { FakeMounts } from './fake-mounts.ts';

/** A CSI driver in this process: it mounts nothing, but says so in a fake mount table. */
export interface FakeDriver {
  readonly client: CsiNodeClient;
  /** `stage`, `publish` …, oldest first. */
  readonly calls: string[];
  readonly staged: Partial<NodeStageVolumeRequest>[];
  readonly published: Partial<NodePublishVolumeRequest>[];
  capabilities: number[];
  nodeId: string;
  topology: Record<string, string>;
  /** The device that block volumes are published as. */
  device: string | undefined;
  /** The gRPC code that a call fails with; undefined lets it through. One that comes too late has had its effect. */
  fail: (call: string) => string | undefined;
}

export function fakeDriver(mounts: FakeMounts): FakeDriver {
  const calls: string[] = [];
  const point = (path: string) => {
    if (mounts.points.some((mount) => mount.path === path)) return;
    mounts.points.push({ path, device: '0:7', root: '/', type: 'fuse', source: 'fake', shared: true });
  };
  const gone = (path: string) => {
    const at = mounts.points.findLastIndex((mount) => mount.path === path);
    if (at !== -1) mounts.points.splice(at, 1);
  };
  const call = async (name: string, effect: () => Promise<void>): Promise<object> => {
    calls.push(name);
    const code = driver.fail(name);
    if (code === undefined || code === 'DEADLINE_EXCEEDED') await effect();
    if (code !== undefined) {
      throw grpcErrors.create('GRPC_FAILED', {
        endpoint: 'fake',
        method: name,
        grpcCode: code,
        problem: `${name} says no`,
      });
    }
    return {};
  };
  const client = {
    endpoint: 'fake',
    close: () => void calls.push('close'),
    nodeGetInfo: async () => ({
      nodeId: driver.nodeId,
      maxVolumesPerNode: 0,
      accessibleTopology: { segments: driver.topology },
    }),
    nodeGetCapabilities: async () => ({
      capabilities: driver.capabilities.map((type) => ({ rpc: { type } })),
    }),
    nodeStageVolume: (request: NodeStageVolumeRequest) =>
      call('stage', async () => {
        driver.staged.push(request);
        point(request.stagingTargetPath);
      }),
    nodeUnstageVolume: ({ stagingTargetPath = '' }) => call('unstage', async () => gone(stagingTargetPath)),
    nodePublishVolume: (request: NodePublishVolumeRequest) =>
      call('publish', async () => {
        driver.published.push(request);
        const { targetPath, volumeCapability } = request;
        if (volumeCapability?.block !== undefined) {
          await rm(targetPath, { force: true });
          if (driver.device === undefined) await writeFile(targetPath, '');
          else await symlink(driver.device, targetPath);
          return;
        }
        await mkdir(targetPath, { recursive: true });
        point(targetPath);
      }),
    nodeUnpublishVolume: ({ targetPath = '' }) =>
      call('unpublish', async () => {
        gone(targetPath);
        await rmdir(targetPath).catch(() => unlink(targetPath).catch(() => undefined));
      }),
  };
  const driver: FakeDriver = {
    client: client as unknown as CsiNodeClient,
    calls,
    staged: [],
    published: [],
    capabilities: [1],
    nodeId: 'node-1',
    topology: {},
    device: undefined,
    fail: () => undefined,
  };
  return driver;
}
