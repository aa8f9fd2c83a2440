import type { Node, Pod, Resource, UnknownObject } from '@kubeedge-ts/apis';

/** The objects the live view shows. */
export interface Snapshot {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly devices: readonly UnknownObject[];
  readonly statuses: readonly UnknownObject[];
}

export const DEVICES: Resource = {
  group: 'devices.kubeedge.io',
  version: 'v1beta1',
  plural: 'devices',
  kind: 'Device',
  namespaced: true,
};
export const DEVICE_STATUSES: Resource = { ...DEVICES, plural: 'devicestatuses', kind: 'DeviceStatus' };

interface DeviceSpec {
  nodeName?: string;
  properties?: { name: string; desired?: { value?: string } }[];
}
interface DeviceTwins {
  state?: string;
  twins?: { propertyName: string; reported?: { value?: string } }[];
}

/** Renders nodes, pods and devices with their twins as text of at most `width` columns. */
export function render(snapshot: Snapshot, width: number): string {
  const nodes = snapshot.nodes.map((node) => {
    const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready')?.status;
    return [
      node.metadata.name,
      ready === 'True' ? 'Ready' : 'NotReady',
      node.status?.nodeInfo?.kubeletVersion ?? '',
    ];
  });
  const pods = snapshot.pods.map((pod) => {
    const statuses = pod.status?.containerStatuses ?? [];
    const ready = `${statuses.filter((status) => status.ready).length}/${pod.spec?.containers.length ?? 0}`;
    const waiting = statuses.find((status) => status.state?.waiting)?.state?.waiting?.reason;
    return [
      `${pod.metadata.namespace}/${pod.metadata.name}`,
      ready,
      waiting ?? pod.status?.phase ?? '',
      pod.status?.podIP ?? '',
      pod.spec?.nodeName ?? '',
    ];
  });
  const status = new Map(
    snapshot.statuses.map((object) => [
      `${object.metadata.namespace}/${object.metadata.name}`,
      object['status'] as DeviceTwins,
    ]),
  );
  const devices = snapshot.devices.flatMap((device) => {
    const key = `${device.metadata.namespace}/${device.metadata.name}`;
    const spec = device['spec'] as DeviceSpec | undefined;
    const seen = status.get(key);
    const desired = new Map(
      spec?.properties?.map((property) => [property.name, property.desired?.value ?? '']) ?? [],
    );
    const reported = new Map(
      seen?.twins?.map((twin) => [twin.propertyName, twin.reported?.value ?? '']) ?? [],
    );
    return [...new Set([...desired.keys(), ...reported.keys()])].map((name, index) => [
      index === 0 ? key : '',
      index === 0 ? (seen?.state ?? '') : '',
      name,
      desired.get(name) || '-',
      reported.get(name) || '-',
    ]);
  });
  return [
    table(['NODE', 'STATUS', 'VERSION'], nodes),
    table(['POD', 'READY', 'STATUS', 'IP', 'NODE'], pods),
    table(['DEVICE', 'STATE', 'PROPERTY', 'DESIRED', 'REPORTED'], devices),
  ]
    .join('\n\n')
    .split('\n')
    .map((line) => line.slice(0, width))
    .join('\n');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
