import { execFile } from 'node:child_process';
import { type FileHandle, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pod, PodSpec } from '@kubeedge-ts/apis';
import type { MemoryMeta } from '../../../apps/edgecore/src/edged/testing/memory-meta.ts';
import { container, pod } from '../../../apps/edgecore/src/edged/testing/pods.ts';
import type { Volume } from '../../../apps/edgecore/src/edged/volumes/plugin.ts';

const run = promisify(execFile);

type Mount = NonNullable<ReturnType<typeof container>['volumeMounts']>[number];

/** A pod whose one container mounts each volume at `/<name>`. */
export function podWith(name: string, volumes: readonly Volume[], spec: Partial<PodSpec> = {}): Pod {
  const volumeMounts = volumes.map((volume) => ({ name: volume.name, mountPath: `/${volume.name}` }));
  return pod(name, { containers: [container('main', { volumeMounts })], volumes: [...volumes], ...spec });
}
export function withMounts(
  name: string,
  volumes: readonly Volume[],
  mounts: readonly Mount[],
  fields: object = {},
): Pod {
  return podWith(name, volumes, {
    containers: [container('main', { volumeMounts: [...mounts], ...fields })],
  });
}
/** A bound claim and the volume behind it. */
export function putClaim(meta: MemoryMeta, name: string, source: object, spec: object = {}): void {
  meta.putObject('persistentvolumeclaim', 'default', name, {
    metadata: { name, namespace: 'default', uid: `claim-${name}` },
    spec: { volumeName: `pv-${name}` },
    status: { phase: 'Bound' },
  });
  meta.putObject('persistentvolume', undefined, `pv-${name}`, {
    metadata: { name: `pv-${name}` },
    spec: { accessModes: ['ReadWriteOnce'], claimRef: { uid: `claim-${name}` }, ...source, ...spec },
  });
}
const claimed = (name: string): Volume => ({ name, persistentVolumeClaim: { claimName: name } });

export interface LoopDevice {
  readonly path: string;
  readonly handle: FileHandle;
}
/** A disk of this machine; the kernel takes it back when nobody has it open, whatever ends the test. */
export async function loopDevice(file: string, content = ''): Promise<LoopDevice> {
  await writeFile(file, content);
  await truncate(file, 16 * 2 ** 20);
  const path = (await run('losetup', ['-f', '--show', file])).stdout.trim();
  const handle = await open(path, 'r');
  await run('losetup', ['-d', path]);
  return { path, handle };
}

/** What the machine has for the pods. */
export interface VolumeMachine {
  /** A directory with a socket `sock` in it. */
  readonly host: string;
  readonly rawDisk: string;
}

/** One pod per kind of promise. */
export function volumePods({ host, rawDisk }: VolumeMachine): readonly Pod[] {
  const privileged = { securityContext: { privileged: true } };
  const propagating = (mountPropagation: string) => [{ name: 'v', mountPath: '/v', mountPropagation }];
  return [
    podWith('content', [
      { name: 'fixed', configMap: { name: 'fixed' } },
      { name: 'cfg', configMap: { name: 'cfg' } },
      { name: 'maybe', configMap: { name: 'later', optional: true } },
      { name: 'sec', secret: { secretName: 'sec', defaultMode: 0o400 } },
      {
        name: 'down',
        downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] },
      },
      { name: 'api', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
    ]),
    podWith(
      'scratch',
      [
        { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'disk', emptyDir: {} },
      ],
      {
        securityContext: { fsGroup: 2000, runAsUser: 1000, runAsGroup: 1000 },
      },
    ),
    withMounts(
      'paths',
      [
        { name: 'v', emptyDir: {} },
        { name: 'cfg', configMap: { name: 'cfg' } },
      ],
      [
        { name: 'v', mountPath: '/sub', subPath: 'made/here' },
        { name: 'v', mountPath: '/expr', subPathExpr: '$(WHO)' },
        { name: 'v', mountPath: '/all' },
        { name: 'v', mountPath: '/ro', readOnly: true },
        { name: 'cfg', mountPath: '/one', subPath: 'mode' },
      ],
      { env: [{ name: 'WHO', value: 'me' }] },
    ),
    podWith('hosts', [
      { name: 'dir', hostPath: { path: join(host, 'made'), type: 'DirectoryOrCreate' } },
      { name: 'file', hostPath: { path: join(host, 'file'), type: 'FileOrCreate' } },
      { name: 'sock', hostPath: { path: join(host, 'sock'), type: 'Socket' } },
      { name: 'null', hostPath: { path: '/dev/null', type: 'CharDevice' } },
      { name: 'loop', hostPath: { path: rawDisk, type: 'BlockDevice' } },
    ]),
    podWith('bad-host', [{ name: 'v', hostPath: { path: '/etc', type: 'File' } }]),
    podWith('shared', [{ name: 'v', emptyDir: {} }], {
      containers: [
        container('both', { volumeMounts: propagating('Bidirectional'), ...privileged }),
        container('sees', { volumeMounts: propagating('HostToContainer') }),
        container('alone', { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ],
    }),
    podWith('local', [claimed('dir'), claimed('disk')]),
    podWith('other-node', [claimed('far')]),
    podWith('unbound', [claimed('none')]),
    podWith('block', [claimed('raw')], {
      containers: [container('main', { volumeDevices: [{ name: 'raw', devicePath: '/dev/xvda' }] })],
    }),
    podWith('csi', [claimed('vol-1')]),
    podWith('csi-too', [claimed('vol-1')]),
    podWith('waiting', [claimed('vol-2')]),
    podWith('image', [{ name: 'i', image: { reference: 'docker.io/library/busybox:1' } }]),
    pod('device', {
      containers: [container('main', { resources: { limits: { 'vendor.example/fake': '2' } } })],
    }),
  ];
}
