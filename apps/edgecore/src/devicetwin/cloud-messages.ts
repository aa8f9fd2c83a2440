import { CLOUD_CONNECTED, isRecord, type Message, parseResource } from '@kubeedge-ts/apis';
import { deviceErrors } from '@kubeedge-ts/errors';
import { decideAttributes } from './attributes.ts';
import type { Batch } from './batch.ts';
import { applyChanges, type DeviceContext, tellDevice } from './context.ts';
import { decodeTwins, eventIdOf, field } from './decode.ts';
import { decideDesired, readDeclaredDevice, readModelTypes } from './desired.ts';
import { membershipTopic } from './device-topics.ts';
import { attributesUpdated, membershipUpdated, record } from './payloads.ts';
import { lastLevel } from './registry.ts';
import { decideTwins } from './twin-machine.ts';
import { DELETED, type Device } from './types.ts';

/** What DeviceTwin does with messages of the cloud and of MetaManager (spec/mqtt-and-devicetwin.md §8, §10.1). */

/** Device ids the table `device` of upstream can hold, twice over. */
const MAX_ID = 512;

/** Handles one message; runs as a job, so it may only change memory and the batch. */
export function handleMessage(context: DeviceContext, message: Message, batch: Batch): void {
  const { source = '', resource = '' } = message.route;
  const parent = message.header.parent_msg_id;
  if (source === 'edgehub') {
    if (resource === 'node/connection') connectionChanged(context, message, batch);
  } else if (parent) {
    batch.afterCommit(() => context.reports.confirmed(parent));
  } else if (source === 'meta' || source === 'metamanager') {
    objectChanged(context, message, batch);
  } else if (source === 'devicecontroller' || source === 'edgemgr') {
    deviceMessage(context, message, batch);
  } else {
    ignore(context, message, `source ${source} may not change devices`);
  }
}

function deviceMessage(context: DeviceContext, message: Message, batch: Batch): void {
  const { operation = '', resource = '' } = message.route;
  const { content } = message;
  const path = parseResource(resource);
  if (!isRecord(content)) ignore(context, message, 'content is no JSON object');
  else if (resource.includes('membership/detail')) membershipList(context, content, batch);
  else if (resource.includes('membership')) membershipChanged(context, content, batch);
  else if (path.type === 'device/twin/cloud_updated') {
    twinsChanged(context, path.name, content, message, batch);
  } else if (operation.includes('updated') && resource.startsWith('device/')) {
    const device = context.devices.get(resource.slice('device/'.length));
    if (device !== undefined) attributesChanged(context, device, content, false, batch);
  } else ignore(context, message, 'unknown resource');
}

function connectionChanged({ reports }: DeviceContext, message: Message, batch: Batch): void {
  const connected = message.content === CLOUD_CONNECTED;
  batch.afterCommit(() => (connected ? reports.connected() : reports.disconnected()));
}

/** §4.1. A device that is known already stays as it is: the cloud repeats itself. */
function membershipChanged(context: DeviceContext, content: Record<string, unknown>, batch: Batch): void {
  for (const given of devicesIn(content, 'added_devices')) addOrUpdate(context, given, batch);
  for (const { id } of devicesIn(content, 'removed_devices')) {
    const device = context.devices.get(id);
    if (device !== undefined) removeDevice(context, device, batch);
  }
}

/** §10.3: the full list; what is not on it leaves. */
function membershipList(context: DeviceContext, content: Record<string, unknown>, batch: Batch): void {
  const listed = devicesIn(content, 'devices');
  for (const given of listed) addOrUpdate(context, given, batch);
  const ids = new Set(listed.map(({ id }) => id));
  for (const device of [...context.devices.all()]) {
    if (!ids.has(device.id)) removeDevice(context, device, batch);
  }
}

interface GivenDevice {
  readonly id: string;
  readonly content: Record<string, unknown>;
}

function devicesIn(content: Record<string, unknown>, key: string): GivenDevice[] {
  const list = field(content, key);
  if (!Array.isArray(list)) return [];
  const devices: GivenDevice[] = [];
  for (const one of list) {
    const id = isRecord(one) ? field(one, 'id') : undefined;
    if (typeof id === 'string' && isDeviceId(id)) devices.push({ id, content: one });
  }
  return devices;
}

/** An id becomes topic levels: no wildcards, at most two levels, none empty. */
function isDeviceId(id: string): boolean {
  return id.length <= MAX_ID && /^[^/+#\0]+(?:\/[^/+#\0]+)?$/.test(id) && id.isWellFormed();
}

function addOrUpdate(context: DeviceContext, { id, content }: GivenDevice, batch: Batch): void {
  const known = context.devices.get(id);
  const name = text(field(content, 'name')) || lastLevel(id);
  const device = known ?? addDevice(context, id, name, content, batch);
  const attributes = field(content, 'attributes');
  if (isRecord(attributes)) attributesChanged(context, device, content, known !== undefined, batch);
  if (isRecord(field(content, 'twin'))) syncTwins(context, device, content, eventIdOf(content), batch);
  // A Device object that came first is applied now.
  if (known === undefined) applyDeclared(context, device, batch);
}

function addDevice(
  context: DeviceContext,
  id: string,
  name: string,
  content: Record<string, unknown>,
  batch: Batch,
): Device {
  const device: Device = {
    id,
    name,
    description: text(field(content, 'description')),
    state: text(field(content, 'state')),
    lastOnline: '',
    attributes: new Map(),
    twins: new Map(),
    oneLevelSeen: false,
  };
  context.devices.put(device);
  batch.deviceAdded(device);
  const echo = announced({ ...content, id, name });
  tellMembership(context, 'added_devices', echo, batch);
  return device;
}

function removeDevice(context: DeviceContext, device: Device, batch: Batch): void {
  context.devices.remove(device.id);
  batch.deviceRemoved(device);
  tellMembership(context, 'removed_devices', { id: device.id, name: device.name }, batch);
  batch.afterCommit(() => context.reports.forget(device.id));
}

function tellMembership(
  { clock, random, nodeName }: DeviceContext,
  side: 'added_devices' | 'removed_devices',
  device: object,
  batch: Batch,
): void {
  const payload = membershipUpdated(random.uuid(), clock.now(), side, device);
  batch.publish(membershipTopic(nodeName, 'updated'), payload);
}

/** The device as the cloud sent it, versions left out, twins of type `deleted` as null (§4.1). */
function announced(device: Record<string, unknown>): object {
  const twins = field(device, 'twin');
  if (!isRecord(twins)) return device;
  const shown = record<unknown>();
  for (const [name, twin] of Object.entries(twins)) {
    if (!isRecord(twin)) continue;
    const { expected_version: _e, actual_version: _a, ...visible } = twin;
    const metadata = twin['metadata'];
    shown[name] = isRecord(metadata) && metadata['type'] === DELETED ? null : visible;
  }
  return { ...device, twin: shown };
}

function attributesChanged(
  context: DeviceContext,
  device: Device,
  content: Record<string, unknown>,
  full: boolean,
  batch: Batch,
): void {
  const given = field(content, 'attributes');
  if (!isRecord(given)) return;
  const changes = decideAttributes(device.attributes, given, full);
  if (changes.size === 0) return;
  for (const [name, attribute] of changes) {
    if (attribute === null) device.attributes.delete(name);
    else device.attributes.set(name, attribute);
    batch.attribute(device, name, attribute);
  }
  tellDevice(batch, device, 'updated', attributesUpdated(eventIdOf(content), context.clock.now(), changes));
}

/** §8.2, clouds of KubeEdge 1.9. */
function twinsChanged(
  context: DeviceContext,
  id: string,
  content: Record<string, unknown>,
  message: Message,
  batch: Batch,
): void {
  const device = context.devices.get(id);
  const problem =
    device === undefined
      ? 'the device is not on this node'
      : syncTwins(context, device, content, eventIdOf(content), batch);
  if (problem !== undefined) ignore(context, message, problem);
}

function syncTwins(
  context: DeviceContext,
  device: Device,
  content: Record<string, unknown>,
  eventId: string,
  batch: Batch,
): string | undefined {
  const decoded = decodeTwins(content);
  if (!decoded.ok) return decoded.reason;
  const now = context.clock.now();
  const outcome = decideTwins(device.twins, decoded.value, { mode: 'sync', now, modelType: () => undefined });
  if (!outcome.ok) return outcome.reason;
  applyChanges(context, batch, device, outcome.changes, eventId);
  return undefined;
}

/** Device and DeviceModel objects, stored by MetaManager before they come here (§8.3). */
function objectChanged(context: DeviceContext, message: Message, batch: Batch): void {
  const { operation = '', resource = '' } = message.route;
  const { type, namespace, name } = parseResource(resource);
  if (type !== 'device' && type !== 'devicemodel') return;
  const content = isRecord(message.content) ? message.content : undefined;
  const metadata = content?.['metadata'];
  const own = isRecord(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : name;
  // A local update is stored under the literal name `updated` (§10.5): the object says which one it is.
  const id = `${namespace}/${own}`;
  if (operation === 'delete') objectDeleted(context, type, id, batch);
  else if (content === undefined) ignore(context, message, 'content is no JSON object');
  else if (!isDeviceId(id)) ignore(context, message, 'not a device name');
  else if (type === 'devicemodel') modelChanged(context, id, content, batch);
  else declareDevice(context, id, content, batch);
}

function modelChanged(
  context: DeviceContext,
  id: string,
  object: Record<string, unknown>,
  batch: Batch,
): void {
  context.models.set(id, readModelTypes(object));
  for (const device of context.devices.all()) {
    if (context.declared.get(device.id)?.model === id) applyDeclared(context, device, batch);
  }
}

/** A Device object on this node; its membership message may come before, after, or never. */
export function declareDevice(
  context: DeviceContext,
  id: string,
  object: Record<string, unknown>,
  batch: Batch,
): void {
  const declared = readDeclaredDevice(object);
  context.declared.set(id, declared);
  const description = declared.description === '' ? {} : { description: declared.description };
  const device =
    context.devices.get(id) ?? addDevice(context, id, lastLevel(id), { id, ...description }, batch);
  applyDeclared(context, device, batch);
}

function objectDeleted(
  context: DeviceContext,
  type: 'device' | 'devicemodel',
  id: string,
  batch: Batch,
): void {
  if (type === 'devicemodel') {
    context.models.delete(id);
    return;
  }
  context.declared.delete(id);
  const device = context.devices.get(id);
  if (device !== undefined) removeDevice(context, device, batch);
}

function applyDeclared(context: DeviceContext, device: Device, batch: Batch): void {
  const declared = context.declared.get(device.id);
  if (declared === undefined) return;
  const types = context.models.get(declared.model);
  const now = context.clock.now();
  const { changes, refused } = decideDesired(device.twins, declared, types, now);
  for (const { property, reason } of refused) {
    const error = deviceErrors.create('DEVICE_DESIRED_INVALID', { device: device.id, property, reason });
    context.log.warn({ code: error.code, device: device.id, property, reason }, 'desired value ignored');
  }
  if (changes.length > 0) applyChanges(context, batch, device, changes, '');
}

function ignore({ log }: DeviceContext, message: Message, problem: string): void {
  const { operation = '', resource = '' } = message.route;
  const error = deviceErrors.create('DEVICE_MESSAGE_INVALID', { operation, resource, problem });
  log.warn({ code: error.code, operation, resource, problem }, 'device message ignored');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
