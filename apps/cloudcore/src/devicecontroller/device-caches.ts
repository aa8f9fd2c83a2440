import {
  type Device,
  type DeviceModel,
  type DeviceStatus,
  deviceModels,
  deviceStatuses,
  devices,
  type KubeObject,
} from '@kubeedge-ts/apis';
import { createInformer, type Informer, type KubeClient, type ObjectKey } from '@kubeedge-ts/kube';
import type { CachePorts } from '../controllers/selective-cache.ts';
import type { DeviceWithModel } from './wanted-devices.ts';

/** What the DeviceController knows of the cluster. */
export interface DeviceCaches {
  readonly devices: Informer<Device>;
  readonly models: Informer<DeviceModel>;
  readonly statuses: Informer<DeviceStatus>;
  start(signal: AbortSignal): void;
  readonly ready: Promise<void>;
  boundTo(node: string): readonly DeviceWithModel[];
  using(model: DeviceModel): readonly Device[];
  byUid(uid: string): Device | undefined;
  withModel(uid: string): DeviceWithModel | undefined;
  modelByUid(uid: string): DeviceModel | undefined;
}

export function createDeviceCaches(kube: KubeClient, ports: CachePorts): DeviceCaches {
  const uid = (object: KubeObject): string[] => (object.metadata.uid ? [object.metadata.uid] : []);
  const own = createInformer<Device>(
    kube,
    devices,
    {
      transform: withoutManagedFields,
      indexes: {
        uid,
        node: ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []),
        model: (device) => {
          const key = modelKey(device);
          return key ? [pathOf(key)] : [];
        },
      },
    },
    ports,
  );
  const models = createInformer<DeviceModel>(
    kube,
    deviceModels,
    { transform: withoutManagedFields, indexes: { uid } },
    ports,
  );
  const statuses = createInformer<DeviceStatus>(
    kube,
    deviceStatuses,
    { transform: withoutManagedFields },
    ports,
  );
  const paired = (device: Device): DeviceWithModel => {
    const key = modelKey(device);
    return { device, model: key && models.get(key) };
  };
  const byUid = (value: string): Device | undefined => own.byIndex('uid', value)[0];
  return {
    devices: own,
    models,
    statuses,
    start(signal) {
      for (const informer of [own, models, statuses]) informer.start(signal);
    },
    ready: Promise.all([own.synced, models.synced, statuses.synced]).then(() => undefined),
    boundTo: (node) => own.byIndex('node', node).map(paired),
    using: ({ metadata }) => own.byIndex('model', pathOf(metadata)),
    byUid,
    withModel(value) {
      const device = byUid(value);
      return device && paired(device);
    },
    modelByUid: (value) => models.byIndex('uid', value)[0],
  };
}

function modelKey({ metadata, spec }: Device): ObjectKey | undefined {
  const name = spec?.deviceModelRef?.name;
  return name ? { namespace: metadata.namespace ?? '', name } : undefined;
}

const pathOf = ({ namespace, name }: ObjectKey): string => `${namespace ?? ''}/${name}`;

function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _fields, ...metadata } = object.metadata;
  return { ...object, metadata };
}
