import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { Batch } from './batch.ts';
import type { DeclaredDevice } from './desired.ts';
import { deviceBase } from './device-topics.ts';
import { updateDelta, updateDocument } from './payloads.ts';
import { lastLevel, type Registry } from './registry.ts';
import type { Reports } from './reports.ts';
import type { Device, TwinChange } from './types.ts';

/** What the handlers share: the devices of this node, what the cloud declared about them, and where effects go. */
export interface DeviceContext {
  readonly nodeName: string;
  readonly devices: Registry;
  readonly reports: Reports;
  /** Device objects by `namespace/name`. */
  readonly declared: Map<string, DeclaredDevice>;
  /** Property types of DeviceModel objects by `namespace/name`. */
  readonly models: Map<string, ReadonlyMap<string, string>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The type the device's model gives a property. */
export function modelType(
  { declared, models }: DeviceContext,
  device: Device,
  name: string,
): string | undefined {
  const object = declared.get(device.id);
  if (object === undefined) return undefined;
  return models.get(object.model)?.get(name) ?? object.properties.get(name)?.type;
}

/** Takes decided changes over into memory, rows, document, delta and reports. */
export function applyChanges(
  context: DeviceContext,
  batch: Batch,
  device: Device,
  changes: readonly TwinChange[],
  eventId: string,
): void {
  const declared = context.declared.get(device.id);
  for (const { after, store, report } of changes) {
    if (store) {
      const isNew = !device.twins.has(after.name);
      const marked = after.declared === undefined && declared?.properties.has(after.name);
      device.twins.set(after.name, marked ? { ...after, declared: '' } : after);
      batch.twinRow(device, after.name, isNew);
    }
    if (report !== undefined) {
      batch.afterCommit(() => context.reports.twinChanged(device.id, after.name, report));
    }
  }
  const now = context.clock.now();
  tellDevice(batch, device, 'twin/update/document', updateDocument(eventId, now, changes));
  tellDevice(batch, device, 'twin/update/delta', updateDelta(context.random.uuid, now, device));
}

/** Publishes on the device's topic, and on its one-level form while clients of KubeEdge 1.9 are about. */
export function tellDevice(batch: Batch, device: Device, suffix: string, payload: string | undefined): void {
  if (payload === undefined) return;
  batch.publish(`${deviceBase(device.id)}/${suffix}`, payload);
  const name = lastLevel(device.id);
  if (device.oneLevelSeen && name !== device.id) batch.publish(`${deviceBase(name)}/${suffix}`, payload);
}
