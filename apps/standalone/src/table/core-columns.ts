import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import type { Column } from '../registry/types.ts';
import { ageColumn, at, column, labelText, listAt, nameColumn, orNone, textAt, wide } from './column.ts';
import { ageOf } from './duration.ts';

function size(value: unknown): number {
  return isRecord(value) ? Object.keys(value).length : Array.isArray(value) ? value.length : 0;
}

export const defaultColumns: readonly Column[] = [nameColumn, ageColumn];

export const configMapColumns: readonly Column[] = [
  nameColumn,
  column('Data', 'Number of entries.', (object) => size(object['data']) + size(object['binaryData'])),
  ageColumn,
];

export const secretColumns: readonly Column[] = [
  nameColumn,
  column('Type', 'What the secret is for.', (object) => textAt(object, 'type')),
  column('Data', 'Number of entries.', (object) => size(object['data'])),
  ageColumn,
];

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  column('Status', 'Active or Terminating.', (object) => textAt(object, 'status', 'phase')),
  ageColumn,
];

export const serviceAccountColumns: readonly Column[] = [
  nameColumn,
  column('Secrets', 'Number of secrets.', (object) => String(size(object['secrets']))),
  ageColumn,
];

export const serviceColumns: readonly Column[] = [
  nameColumn,
  column('Type', 'How the service is reached.', (object) => textAt(object, 'spec', 'type')),
  column('Cluster-IP', 'Its address inside the cluster.', (object) =>
    orNone(textAt(object, 'spec', 'clusterIP')),
  ),
  column('External-IP', 'Its addresses from outside.', externalAddresses),
  column('Port(s)', 'Its ports.', (object) =>
    orNone(listAt(object, 'spec', 'ports').map(portText).join(',')),
  ),
  ageColumn,
  wide('Selector', 'Labels of its pods.', (object) => orNone(labelText(at(object, 'spec', 'selector')))),
];

function externalAddresses(service: UnknownObject): string {
  const external = at(service, 'spec', 'externalIPs');
  const assigned = Array.isArray(external) ? external.map(String) : [];
  switch (textAt(service, 'spec', 'type')) {
    case 'ExternalName':
      return textAt(service, 'spec', 'externalName');
    case 'LoadBalancer': {
      const ingress = listAt(service, 'status', 'loadBalancer', 'ingress');
      const addresses = ingress.map((entry) => textAt(entry, 'ip') || textAt(entry, 'hostname'));
      return [...addresses, ...assigned].join(',') || '<pending>';
    }
    default:
      return orNone(assigned.join(','));
  }
}

function portText(port: Record<string, unknown>): string {
  const node = port['nodePort'] === undefined ? '' : `:${port['nodePort']}`;
  return `${port['port']}${node}/${port['protocol'] ?? 'TCP'}`;
}

export const endpointsColumns: readonly Column[] = [
  nameColumn,
  column('Endpoints', 'Addresses and ports.', (object) =>
    orNone(
      listAt(object, 'subsets')
        .flatMap((subset) =>
          listAt(subset, 'addresses').flatMap((address) =>
            listAt(subset, 'ports').map((port) => `${textAt(address, 'ip')}:${port['port']}`),
          ),
        )
        .join(','),
    ),
  ),
  ageColumn,
];

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  column('AddressType', 'Kind of its addresses.', (object) => textAt(object, 'addressType')),
  column('Ports', 'Its ports.', (object) =>
    orNone(
      listAt(object, 'ports')
        .map((port) => String(port['port'] ?? '*'))
        .join(','),
    ),
  ),
  column('Endpoints', 'Its addresses.', (object) =>
    orNone(
      listAt(object, 'endpoints')
        .flatMap((endpoint) => (Array.isArray(endpoint['addresses']) ? endpoint['addresses'] : []))
        .join(','),
    ),
  ),
  ageColumn,
];

export const eventColumns: readonly Column[] = [
  column('Last Seen', 'Time since it happened last.', lastSeen),
  column('Type', 'Normal or Warning.', (object) => textAt(object, 'type')),
  column('Reason', 'Why it was recorded.', (object) => textAt(object, 'reason')),
  column('Object', 'What it is about.', (object) => {
    const about = at(object, 'involvedObject') ?? at(object, 'regarding');
    return `${textAt(about, 'kind').toLowerCase()}/${textAt(about, 'name')}`;
  }),
  wide('Subobject', 'Part of the object.', (object) => textAt(object, 'involvedObject', 'fieldPath')),
  wide('Source', 'Who recorded it.', (object) =>
    [
      textAt(object, 'source', 'component') || textAt(object, 'reportingComponent'),
      textAt(object, 'source', 'host') || textAt(object, 'reportingInstance'),
    ]
      .filter((part) => part !== '')
      .join(', '),
  ),
  column('Message', 'What happened.', (object) =>
    (textAt(object, 'message') || textAt(object, 'note')).trim(),
  ),
  wide('First Seen', 'Time since it happened first.', (object, nowMs) =>
    ageOf(textAt(object, 'firstTimestamp') || textAt(object, 'eventTime'), nowMs),
  ),
  wide('Count', 'How often it happened.', (object) => Number(textAt(object, 'count') || 1), 'string'),
  wide('Name', 'Name of the event.', (object) => object.metadata.name),
];

function lastSeen(event: UnknownObject, nowMs: number): string {
  const times = [
    textAt(event, 'series', 'lastObservedTime'),
    textAt(event, 'lastTimestamp'),
    textAt(event, 'eventTime'),
    textAt(event, 'firstTimestamp'),
  ];
  return ageOf(
    times.find((time) => time !== ''),
    nowMs,
  );
}

export const leaseColumns: readonly Column[] = [
  nameColumn,
  column('Holder', 'Who holds it.', (object) => textAt(object, 'spec', 'holderIdentity')),
  ageColumn,
];

export const persistentVolumeColumns: readonly Column[] = [
  nameColumn,
  column('Capacity', 'Its size.', (object) => textAt(object, 'spec', 'capacity', 'storage')),
  column('Access Modes', 'How it can be mounted.', (object) =>
    accessModes(at(object, 'spec', 'accessModes')),
  ),
  column('Reclaim Policy', 'What happens to it when it is released.', (object) =>
    textAt(object, 'spec', 'persistentVolumeReclaimPolicy'),
  ),
  column('Status', 'Its phase.', (object) => textAt(object, 'status', 'phase')),
  column('Claim', 'Claim it is bound to.', (object) => {
    const claim = at(object, 'spec', 'claimRef');
    return claim === undefined ? '' : `${textAt(claim, 'namespace')}/${textAt(claim, 'name')}`;
  }),
  column('StorageClass', 'Its storage class.', (object) => textAt(object, 'spec', 'storageClassName')),
  column('Reason', 'Why it is in its phase.', (object) => textAt(object, 'status', 'reason')),
  ageColumn,
];

export const persistentVolumeClaimColumns: readonly Column[] = [
  nameColumn,
  column('Status', 'Its phase.', (object) => textAt(object, 'status', 'phase')),
  column('Volume', 'Volume it is bound to.', (object) => textAt(object, 'spec', 'volumeName')),
  column('Capacity', 'Size it got.', (object) => textAt(object, 'status', 'capacity', 'storage')),
  column('Access Modes', 'How it can be mounted.', (object) =>
    accessModes(at(object, 'status', 'accessModes')),
  ),
  column('StorageClass', 'Its storage class.', (object) => textAt(object, 'spec', 'storageClassName')),
  ageColumn,
];

const MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

function accessModes(value: unknown): string {
  return Array.isArray(value) ? value.map((mode) => MODES[String(mode)] ?? String(mode)).join(',') : '';
}

export const storageClassColumns: readonly Column[] = [
  nameColumn,
  column('Provisioner', 'Who provides volumes.', (object) => textAt(object, 'provisioner')),
  column('ReclaimPolicy', 'What happens to released volumes.', (object) => textAt(object, 'reclaimPolicy')),
  column('VolumeBindingMode', 'When claims are bound.', (object) => textAt(object, 'volumeBindingMode')),
  ageColumn,
];

export const priorityClassColumns: readonly Column[] = [
  nameColumn,
  column('Value', 'Priority of its pods.', (object) => Number(textAt(object, 'value') || 0)),
  column('Global-Default', 'Used for pods that name none.', (object) => at(object, 'globalDefault') === true),
  ageColumn,
];

export const roleBindingColumns: readonly Column[] = [
  nameColumn,
  column(
    'Role',
    'Role it gives.',
    (object) => `${textAt(object, 'roleRef', 'kind')}/${textAt(object, 'roleRef', 'name')}`,
  ),
  ageColumn,
];

export const csiNodeColumns: readonly Column[] = [
  nameColumn,
  column('Drivers', 'Drivers on the node.', (object) => listAt(object, 'spec', 'drivers').length),
  ageColumn,
];

export const crdColumns: readonly Column[] = [
  nameColumn,
  column('Created At', 'When it was created.', (object) => object.metadata.creationTimestamp ?? ''),
];
