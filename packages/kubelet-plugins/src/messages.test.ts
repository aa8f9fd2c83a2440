import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCodec } from '@kubeedge-ts/grpc';
import { TABLES as CSI, NodeServiceCapabilityRPCType, VolumeUsageUnit } from './generated/csi.ts';
import { TABLES as DEVICE } from './generated/device-plugin.ts';
import { TABLES as HEALTH } from './generated/health.ts';
import { TABLES as REGISTRATION } from './generated/plugin-registration.ts';
import { TABLES as POD_RESOURCES } from './generated/pod-resources.ts';

/** [tables, message, value, what protoc --encode makes of it] */
const GOLDEN: [typeof CSI, string, object, string][] = [
  [
    CSI,
    'NodePublishVolumeRequest',
    {
      volumeId: 'v-1',
      publishContext: { d: '/dev/sdb' },
      stagingTargetPath: '/s',
      targetPath: '/t',
      volumeCapability: {
        block: undefined,
        mount: { fsType: 'ext4', mountFlags: ['ro', 'noatime'], volumeMountGroup: '2000' },
        accessMode: { mode: 1 },
      },
      readonly: true,
      secrets: { k: 'v' },
      volumeContext: { c: 'x' },
    },
    '0a03762d31120d0a016412082f6465762f7364621a022f7322022f742a1f12190a04657874341202726f12076e6f6174696d651a' +
      '04323030301a02080130013a060a016b12017642060a0163120178',
  ],
  [
    CSI,
    'NodeGetCapabilitiesResponse',
    {
      capabilities: [
        { rpc: { type: NodeServiceCapabilityRPCType.STAGE_UNSTAGE_VOLUME } },
        { rpc: { type: NodeServiceCapabilityRPCType.VOLUME_MOUNT_GROUP } },
      ],
    },
    '0a040a0208010a040a020806',
  ],
  [CSI, 'ProbeResponse', { ready: { value: true } }, '0a020801'],
  [
    CSI,
    'NodeGetVolumeStatsResponse',
    {
      usage: [{ available: 2 ** 40, total: 2 ** 41, used: 5, unit: VolumeUsageUnit.BYTES }],
      volumeCondition: { abnormal: true, message: 'm' },
    },
    '0a120880808080802010808080808040180520011205080112016d',
  ],
  [
    CSI,
    'NodeGetInfoResponse',
    { nodeId: 'n', maxVolumesPerNode: 7, accessibleTopology: { segments: { z: 'a' } } },
    '0a016e10071a080a060a017a120161',
  ],
  [
    DEVICE,
    'RegisterRequest',
    {
      version: 'v1beta1',
      endpoint: 'x.sock',
      resourceName: 'example.com/dev',
      options: { preStartRequired: true, getPreferredAllocationAvailable: true },
    },
    '0a07763162657461311206782e736f636b1a0f6578616d706c652e636f6d2f646576220408011001',
  ],
  [
    DEVICE,
    'ListAndWatchResponse',
    {
      devices: [
        { ID: 'd0', health: 'Healthy', topology: { nodes: [{ ID: 1 }] } },
        { ID: 'd1', health: 'Unhealthy', topology: undefined },
      ],
    },
    '0a130a02643012074865616c7468791a040a0208010a0f0a0264311209556e6865616c746879',
  ],
  [
    DEVICE,
    'AllocateResponse',
    {
      containerResponses: [
        {
          envs: { E: '1' },
          mounts: [{ containerPath: '/c', hostPath: '/h', readOnly: true }],
          devices: [{ containerPath: '/dev/c', hostPath: '/dev/h', permissions: 'rw' }],
          annotations: { a: 'b' },
          cdiDevices: [{ name: 'x.com/y=z' }],
        },
      ],
    },
    '0a3f0a060a0145120131120a0a022f6312022f6818011a140a062f6465762f6312062f6465762f681a02727722060a0161120162' +
      '2a0b0a09782e636f6d2f793d7a',
  ],
  [
    REGISTRATION,
    'PluginInfo',
    {
      type: 'CSIPlugin',
      name: 'csi.example.com',
      endpoint: '/csi.sock',
      supportedVersions: ['1.0.0'],
    },
    '0a09435349506c7567696e120f6373692e6578616d706c652e636f6d1a092f6373692e736f636b2205312e302e30',
  ],
  [REGISTRATION, 'RegistrationStatus', { pluginRegistered: false, error: 'no' }, '12026e6f'],
  [
    POD_RESOURCES,
    'ListPodResourcesResponse',
    {
      podResources: [
        {
          name: 'p',
          namespace: 'ns',
          containers: [
            {
              name: 'c',
              devices: [{ resourceName: 'r', deviceIds: ['d0', 'd1'], topology: { nodes: [{ ID: 0 }] } }],
              cpuIds: [0, 3],
              memory: [{ memoryType: 'memory', size: 2 ** 40, topology: undefined }],
              dynamicResources: [
                {
                  claimName: 'k',
                  claimNamespace: 'ns',
                  claimResources: [
                    { cdiDevices: [{ name: 'q' }], driverName: 'dr', poolName: 'po', deviceName: 'de' },
                  ],
                },
              ],
            },
          ],
        },
      ],
    },
    '0a4e0a017012026e731a450a0163120f0a017212026430120264311a020a001a020003220f0a066d656d6f727910808080808020' +
      '2a1a12016b1a026e7322110a030a0171120264721a02706f22026465',
  ],
  [HEALTH, 'HealthCheckResponse', { status: 2 }, '0802'],
];

/** Absent messages are there as undefined, which deepEqual tells from missing. */
const present = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("the messages of the kubelet's plugins", () => {
  test('have the bytes that protoc writes, in both directions', () => {
    for (const [tables, message, value, bytes] of GOLDEN) {
      const codec = createCodec(tables);
      assert.equal(Buffer.from(codec.encode(message, value)).toString('hex'), bytes, message);
      assert.deepEqual(present(codec.decode(message, Buffer.from(bytes, 'hex'))), present(value), message);
    }
  });
});
