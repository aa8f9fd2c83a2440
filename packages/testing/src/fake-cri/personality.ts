import type { Init, RuntimeCondition, RuntimeFeatures, RuntimeHandler } from '@kubeedge-ts/cri';
import type { MethodName } from './backend.ts';
import { NOT_FOUND, UNKNOWN } from './refusal.ts';

export type PersonalityName = 'containerd-1.6' | 'containerd-2' | 'cri-o';

/**
 * How runtimes differ in what edged can see. containerd 1.6 as recorded on a machine of the tests; containerd 2 and CRI-O
 * from their sources (internal/cri/server, server), since neither is in Debian 12.
 */
export interface Personality {
  readonly name: string;
  readonly version: string;
  /** UNIMPLEMENTED. */
  readonly lacks: ReadonlySet<MethodName>;
  readonly conditions: readonly Init<RuntimeCondition>[];
  readonly handlers: readonly RuntimeHandler[];
  readonly features: RuntimeFeatures | undefined;
  /** `info` of a verbose Status. */
  readonly info: (facts: {
    systemdCgroup: boolean;
    root: string;
  }) => Readonly<Record<string, object | string>>;
  /** An ExecSync that takes too long: an error, or exit code -1 with words on stderr. */
  readonly execTimeout: 'error' | 'answer';
  /** What an exec into a container that does not run is refused with. */
  readonly execExited: number;
  /** Stopping a container or a sandbox that is not known: NOT_FOUND, or nothing to do. */
  readonly stopUnknown: 'error' | 'nothing';
  /** What creating in a stopped sandbox is refused with. */
  readonly createInStopped: number;
  readonly imageVolumes: boolean;
  readonly prefixedImageIds: boolean;
  /** Whether containers say `imageId` and `user`. */
  readonly saysImageIdAndUser: boolean;
}

const events: MethodName[] = ['GetContainerEvents', 'CheckpointContainer'];
const metrics: MethodName[] = ['ListMetricDescriptors', 'ListPodSandboxMetrics'];
const handler = (name: string): RuntimeHandler => ({
  name,
  features: { recursiveReadOnlyMounts: true, userNamespaces: true },
});

const containerdInfo: Personality['info'] = ({ systemdCgroup, root }) => ({
  golang: JSON.stringify('go1.19.8'),
  lastCNILoadStatus: 'OK',
  'lastCNILoadStatus.default': 'OK',
  config: {
    containerd: {
      snapshotter: 'overlayfs',
      defaultRuntimeName: 'runc',
      runtimes: {
        runc: { runtimeType: 'io.containerd.runc.v2', options: { SystemdCgroup: systemdCgroup } },
      },
    },
    sandboxImage: 'registry.k8s.io/pause:3.6',
    streamServerAddress: '127.0.0.1',
    systemdCgroup: false,
    containerdRootDir: root,
    rootDir: `${root}/io.containerd.grpc.v1.cri`,
  },
});

export const PERSONALITIES: Readonly<Record<PersonalityName, Personality>> = {
  'containerd-1.6': {
    name: 'containerd',
    version: '1.6.20~ds1',
    lacks: new Set<MethodName>(['RuntimeConfig', ...events, ...metrics]),
    conditions: [],
    handlers: [],
    features: undefined,
    info: containerdInfo,
    execTimeout: 'error',
    execExited: UNKNOWN,
    stopUnknown: 'error',
    createInStopped: NOT_FOUND,
    imageVolumes: false,
    prefixedImageIds: true,
    saysImageIdAndUser: false,
  },
  'containerd-2': {
    name: 'containerd',
    version: 'v2.1.4',
    lacks: new Set<MethodName>(metrics),
    conditions: [{ type: 'ContainerdHasNoDeprecationWarnings', status: true }],
    handlers: [handler(''), handler('runc')],
    features: { supplementalGroupsPolicy: true },
    info: containerdInfo,
    execTimeout: 'error',
    execExited: UNKNOWN,
    stopUnknown: 'nothing',
    createInStopped: NOT_FOUND,
    imageVolumes: true,
    prefixedImageIds: true,
    saysImageIdAndUser: true,
  },
  'cri-o': {
    name: 'cri-o',
    version: '1.33.0',
    lacks: new Set<MethodName>(),
    conditions: [],
    handlers: [handler(''), handler('crun')],
    features: { supplementalGroupsPolicy: true },
    info: () => ({ config: { sandboxImage: 'registry.k8s.io/pause:3.10' } }),
    execTimeout: 'answer',
    execExited: NOT_FOUND,
    stopUnknown: 'nothing',
    createInStopped: UNKNOWN,
    imageVolumes: true,
    prefixedImageIds: false,
    saysImageIdAndUser: true,
  },
};
