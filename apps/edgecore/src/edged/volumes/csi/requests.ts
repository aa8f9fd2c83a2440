import type { CSIDriver, Pod } from '@kubeedge-ts/apis';
import type { Init } from '@kubeedge-ts/grpc';
import {
  NodeServiceCapabilityRPCType as Capability,
  VolumeCapabilityAccessModeMode as Mode,
  type VolumeCapability,
} from '@kubeedge-ts/kubelet-plugins/csi';
import { identityOf } from '../../runtime/labels.ts';

export { Capability };

/** What a driver's node service can do. */
export type Capabilities = ReadonlySet<number>;

/** A driver that tells several pods of a node apart gets the modes that do so (spec/edged.md §12.5). */
export function accessMode(mode: string | undefined, capabilities: Capabilities): number {
  const precise = capabilities.has(Capability.SINGLE_NODE_MULTI_WRITER);
  switch (mode ?? 'ReadWriteOnce') {
    case 'ReadWriteOnce':
      return precise ? Mode.SINGLE_NODE_MULTI_WRITER : Mode.SINGLE_NODE_WRITER;
    case 'ReadWriteOncePod':
      return precise ? Mode.SINGLE_NODE_SINGLE_WRITER : Mode.SINGLE_NODE_WRITER;
    case 'ReadOnlyMany':
      return Mode.MULTI_NODE_READER_ONLY;
    case 'ReadWriteMany':
      return Mode.MULTI_NODE_MULTI_WRITER;
    default:
      return Mode.UNKNOWN;
  }
}

export interface CapabilityInput {
  readonly block: boolean;
  readonly fsType: string;
  readonly mountFlags: readonly string[];
  /** Of the pod; handed on to drivers that see to it themselves. */
  readonly fsGroup: number | undefined;
  readonly mode: string | undefined;
}

export function volumeCapability(input: CapabilityInput, capabilities: Capabilities): Init<VolumeCapability> {
  const mode = { mode: accessMode(input.mode, capabilities) };
  if (input.block) return { block: {}, accessMode: mode };
  const delegated = input.fsGroup !== undefined && capabilities.has(Capability.VOLUME_MOUNT_GROUP);
  const mount = {
    fsType: input.fsType,
    mountFlags: [...input.mountFlags],
    ...(delegated ? { volumeMountGroup: String(input.fsGroup) } : {}),
  };
  return { mount, accessMode: mode };
}

/** Whose volume it is, for drivers that ask (`podInfoOnMount`). */
export function podInfo(pod: Pod, inline: boolean): Record<string, string> {
  const { name, namespace, uid } = identityOf(pod);
  return {
    'csi.storage.k8s.io/pod.name': name,
    'csi.storage.k8s.io/pod.namespace': namespace,
    'csi.storage.k8s.io/pod.uid': uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.spec?.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(inline),
  };
}

export interface GroupInput extends CapabilityInput {
  readonly readOnly: boolean;
  readonly inline: boolean;
  readonly accessModes: readonly string[];
}

/** Whether edged gives the volume to the pod's group (the driver's `fsGroupPolicy`). */
export function givesToGroup(
  input: GroupInput,
  capabilities: Capabilities,
  driver: CSIDriver | undefined,
): boolean {
  if (input.fsGroup === undefined || input.readOnly || input.block) return false;
  if (capabilities.has(Capability.VOLUME_MOUNT_GROUP)) return false;
  const policy = driver?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (policy === 'None') return false;
  if (policy === 'File') return true;
  const once = input.accessModes.some((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod');
  return input.fsType !== '' && (input.inline || once);
}

/** Why a driver does not take such a volume; undefined when it does. */
export function lifecycleProblem(
  name: string,
  inline: boolean,
  driver: CSIDriver | undefined,
): string | undefined {
  const mode = inline ? 'Ephemeral' : 'Persistent';
  if (driver === undefined) {
    return inline ? `volume mode "${mode}" not supported by driver ${name} (no CSIDriver object)` : undefined;
  }
  const modes = driver.spec.volumeLifecycleModes ?? ['Persistent'];
  if (modes.includes(mode)) return undefined;
  return `volume mode "${mode}" not supported by driver ${name} (only supports ${JSON.stringify(modes)})`;
}
