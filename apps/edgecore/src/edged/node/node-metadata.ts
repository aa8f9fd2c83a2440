import type { Node } from '@kubeedge-ts/apis';
import type { EdgedConfig } from '../config.ts';

const ATTACH_DETACH = 'volumes.kubernetes.io/controller-managed-attach-detach';
const OF_THE_MACHINE = ['kubernetes.io/os', 'kubernetes.io/arch'];

/** Labels that the node itself knows best. */
export function ownLabels(nodeName: string, architecture: string): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    'node-role.kubernetes.io/agent': '',
    'node-role.kubernetes.io/edge': '',
  };
}

export function ownAnnotations(config: Pick<EdgedConfig, 'controllerAttachDetach'>): Record<string, string> {
  return config.controllerAttachDetach ? { [ATTACH_DETACH]: 'true' } : {};
}

export interface WantedMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * The merge patch that gives a node that was there already what the machine knows of itself (spec/edged.md §2.1,
 * "Registration conflict"). Labels of the configuration are set at registration only, later they are the user's.
 */
export function metadataPatch(wanted: WantedMetadata, existing: Node | undefined): object | undefined {
  const { labels = {}, annotations = {} } = existing?.metadata ?? {};
  const patch = {
    labels: differing(wanted.labels, labels),
    annotations: differing(wanted.annotations, annotations),
  };
  if (wanted.annotations[ATTACH_DETACH] === undefined && annotations[ATTACH_DETACH] !== undefined)
    patch.annotations = { [ATTACH_DETACH]: null };
  const parts = Object.entries(patch).filter(([, values]) => Object.keys(values).length > 0);
  return parts.length === 0 ? undefined : { metadata: Object.fromEntries(parts) };
}

/** Someone has taken from the node what it is: without these no pod is scheduled rightly. */
export function lacksMachineLabels(wanted: WantedMetadata, { metadata }: Node): boolean {
  return OF_THE_MACHINE.some((label) => metadata.labels?.[label] !== wanted.labels[label]);
}

function differing(
  wanted: Readonly<Record<string, string>>,
  have: Readonly<Record<string, string>>,
): Record<string, string | null> {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => have[key] !== value));
}
