import type { UnknownObject } from '@kubeedge-ts/apis';
import type { Column } from '../registry/types.ts';
import { ageColumn, column, listAt, nameColumn, orNone, textAt, wide } from './column.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column('Status', 'Whether the node is ready and takes pods.', statusText),
  column('Roles', 'Roles of the node, from its labels.', rolesText),
  ageColumn,
  column('Version', 'Version its agent reports.', (node) =>
    textAt(node, 'status', 'nodeInfo', 'kubeletVersion'),
  ),
  wide('Internal-IP', 'Address inside the cluster.', (node) => addressText(node, 'InternalIP')),
  wide('External-IP', 'Address from outside.', (node) => addressText(node, 'ExternalIP')),
  wide('OS-Image', 'Operating system.', (node) => unknownInfo(node, 'osImage')),
  wide('Kernel-Version', 'Kernel.', (node) => unknownInfo(node, 'kernelVersion')),
  wide('Container-Runtime', 'Container runtime and its version.', (node) =>
    unknownInfo(node, 'containerRuntimeVersion'),
  ),
];

function statusText(node: UnknownObject): string {
  const ready = listAt(node, 'status', 'conditions').find((condition) => condition['type'] === 'Ready');
  const parts = [ready === undefined ? 'Unknown' : ready['status'] === 'True' ? 'Ready' : 'NotReady'];
  if (textAt(node, 'spec', 'unschedulable') === 'true') parts.push('SchedulingDisabled');
  return parts.join(',');
}

function rolesText(node: UnknownObject): string {
  const labels = node.metadata.labels ?? {};
  const roles = Object.keys(labels)
    .filter((key) => key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
    .map((key) => key.slice(ROLE_PREFIX.length));
  if (labels['kubernetes.io/role']) roles.push(labels['kubernetes.io/role']);
  return orNone(roles.sort().join(','));
}

function addressText(node: UnknownObject, type: string): string {
  const address = listAt(node, 'status', 'addresses').find((entry) => entry['type'] === type);
  return orNone(textAt(address, 'address'));
}

function unknownInfo(node: UnknownObject, field: string): string {
  return textAt(node, 'status', 'nodeInfo', field) || '<unknown>';
}
