import {
  apiVersionOf,
  type Device,
  type DeviceModel,
  deviceModels,
  devices,
  type KubeObject,
  objectHash,
} from '@kubeedge-ts/apis';
import type { DownstreamObject } from '../cloudhub/downstream.ts';
import { deliveredDevice, deliveredModel } from './delivery.ts';

/** A device and the model it names, if there is one. */
export interface DeviceWithModel {
  readonly device: Device;
  readonly model: DeviceModel | undefined;
}

/** Reads what is there when a message is sent. */
export interface DeviceReader {
  /** The device of this UID with its model; undefined when it is gone. */
  readonly device: (uid: string) => DeviceWithModel | undefined;
  readonly model: (uid: string) => DeviceModel | undefined;
}

/** What a node must have of its devices: each, and the models they use, by UID. */
export function wantedDevices(
  bound: readonly DeviceWithModel[],
  read: DeviceReader,
): ReadonlyMap<string, DownstreamObject> {
  const objects = new Map<string, DownstreamObject>();
  for (const { device, model } of bound) {
    if (model?.metadata.uid) {
      const { uid } = model.metadata;
      objects.set(uid, {
        ...common(model, uid),
        type: 'devicemodel',
        hash: hashOf(model, undefined, () => model),
        resourceVersion: model.metadata.resourceVersion ?? '',
        rank: 0,
        apiVersion: apiVersionOf(deviceModels),
        kind: deviceModels.kind,
        content: modelContent(read, uid),
      });
    }
    const { uid = '' } = device.metadata;
    if (uid === '') continue;
    objects.set(uid, {
      ...common(device, uid),
      type: 'device',
      hash: hashOf(device, model, () => deliveredDevice(device, model)),
      hashOf: objectHash,
      resourceVersion: versionOf(device, model),
      rank: 2,
      apiVersion: apiVersionOf(devices),
      kind: devices.kind,
      content: deviceContent(read, uid),
    });
  }
  return objects;
}

const hashes = new WeakMap<KubeObject, { model: KubeObject | undefined; hash: string }>();

/** Cached objects are never changed: one hash per version, of a device per version of its model too. */
function hashOf(object: KubeObject, model: KubeObject | undefined, delivered: () => KubeObject): string {
  const known = hashes.get(object);
  if (known !== undefined && known.model === model) return known.hash;
  const hash = objectHash(delivered());
  hashes.set(object, { model, hash });
  return hash;
}

/** Made apart: closures over the loop would keep the objects of this version as long as CloudHub keeps the entry. */
function modelContent(read: DeviceReader, uid: string) {
  return () => {
    const current = read.model(uid);
    return current && deliveredModel(current);
  };
}

function deviceContent(read: DeviceReader, uid: string) {
  return () => {
    const current = read.device(uid);
    return current && deliveredDevice(current.device, current.model);
  };
}

function common({ metadata }: KubeObject, uid: string) {
  return {
    uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    // An edge ignores the update of a device it does not know (LESSONS D9).
    source: 'devicecontroller',
    firstOperation: 'insert',
  } as const;
}

/**
 * A device that is delivered with defaults of its model is new whenever one of them is. Versions of one cluster grow
 * across kinds, so that the larger one changes with either.
 */
function versionOf(device: Device, model: DeviceModel | undefined): string {
  const own = device.metadata.resourceVersion ?? '';
  const other = hasDefaults(model) ? (model?.metadata.resourceVersion ?? '') : '';
  return Number(other) > Number(own) ? other : own;
}

function hasDefaults(model: DeviceModel | undefined): boolean {
  const { protocolConfigData, properties } = model?.spec ?? {};
  return (
    protocolConfigData !== undefined || (properties ?? []).some(({ visitors }) => visitors !== undefined)
  );
}
