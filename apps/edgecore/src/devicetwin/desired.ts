import { isRecord } from '@kubeedge-ts/apis';
import { msgTwin } from './payloads.ts';
import { DELETED, type Twin, type TwinChange } from './types.ts';
import { isTwinName, isTwinValue, REASONS, typeProblem } from './values.ts';

/** A property of a Device object: its desired value, "" for none. */
export interface Declared {
  readonly desired: string;
  /** Word of the desired value's own metadata, used when the model does not know the property. */
  readonly type: string | undefined;
}

/** What DeviceTwin keeps of a Device object (v1beta1). */
export interface DeclaredDevice {
  readonly description: string;
  /** `namespace/name` of the DeviceModel, "" for none. */
  readonly model: string;
  /** Numeric resourceVersion, 0 when it is not a number. */
  readonly version: number;
  readonly properties: ReadonlyMap<string, Declared>;
}

/** Properties looked at in one object. */
const MAX_PROPERTIES = 4096;

/** Reads a Device object; what is not understood is left out. */
export function readDeclaredDevice(object: Record<string, unknown>): DeclaredDevice {
  const metadata = part(object, 'metadata');
  const spec = part(object, 'spec');
  const namespace = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : 'default';
  const modelName = part(spec, 'deviceModelRef')['name'];
  const version = Number(metadata['resourceVersion']);
  const properties = new Map<string, Declared>();
  for (const property of list(spec['properties'])) {
    const name = property['name'];
    if (typeof name !== 'string' || !isTwinName(name)) continue;
    const desired = part(property, 'desired');
    const type = part(desired, 'metadata')['type'];
    const value = desired['value'];
    properties.set(name, {
      desired: typeof value === 'string' ? value : '',
      type: typeof type === 'string' ? type.toLowerCase() : undefined,
    });
  }
  const description = part(metadata, 'labels')['description'];
  return {
    description: typeof description === 'string' ? description : '',
    model: typeof modelName === 'string' && modelName !== '' ? `${namespace}/${modelName}` : '',
    version: Number.isSafeInteger(version) ? version : 0,
    properties,
  };
}

/** Property types of a DeviceModel object in the words of a twin. */
export function readModelTypes(object: Record<string, unknown>): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  for (const property of list(part(object, 'spec')['properties'])) {
    const { name, type } = property;
    if (typeof name !== 'string' || typeof type !== 'string') continue;
    const word = type.toLowerCase();
    types.set(name, word === 'stream' ? 'string' : word);
  }
  return types;
}

export interface Refused {
  readonly property: string;
  readonly reason: string;
}

/**
 * What a Device object changes in a device's twins. It is level-triggered: the same object twice changes nothing the
 * second time, and only a desired value that differs from the one last seen touches `expected`.
 */
export function decideDesired(
  twins: ReadonlyMap<string, Twin>,
  device: DeclaredDevice,
  types: ReadonlyMap<string, string> | undefined,
  now: number,
): { readonly changes: readonly TwinChange[]; readonly refused: readonly Refused[] } {
  const changes: TwinChange[] = [];
  const refused: Refused[] = [];
  for (const [name, declared] of device.properties) {
    const stored = twins.get(name);
    const type = types?.get(name) ?? declared.type;
    const value = declared.desired;
    const problem =
      value === ''
        ? undefined
        : isTwinValue(value)
          ? typeProblem(type ?? stored?.type ?? 'string', value)
          : REASONS.badValue;
    if (problem !== undefined) {
      refused.push({ property: name, reason: problem });
      continue;
    }
    const after = declare(name, stored, value, type, device.version, now);
    if (after !== undefined) changes.push(change(stored, after));
  }
  for (const stored of twins.values()) {
    if (stored.declared === undefined || device.properties.has(stored.name) || stored.type === DELETED)
      continue;
    const { name, optional, expectedVersion, actualVersion } = stored;
    changes.push(change(stored, { name, type: DELETED, optional, expectedVersion, actualVersion }));
  }
  return { changes, refused };
}

/** undefined: nothing to change, not even in the row. */
function declare(
  name: string,
  stored: Twin | undefined,
  value: string,
  type: string | undefined,
  cloud: number,
  now: number,
): Twin | undefined {
  const expectedVersion = { cloud, edge: stored?.expectedVersion?.edge ?? 0 };
  if (stored === undefined || stored.type === DELETED) {
    if (value === '') return undefined;
    return {
      name,
      type: type ?? 'string',
      optional: false,
      expected: { value, timestamp: now },
      expectedVersion,
      actualVersion: stored?.actualVersion,
      declared: value,
    };
  }
  const known = stored.declared ?? (value === stored.expected?.value ? value : '');
  const retyped = type === undefined || type === stored.type ? stored : { ...stored, type };
  if (known === value) {
    return stored.declared === value && retyped === stored ? undefined : { ...retyped, declared: value };
  }
  const expected = value === '' ? undefined : { value, timestamp: now };
  return { ...retyped, expected, expectedVersion, declared: value };
}

function change(stored: Twin | undefined, after: Twin): TwinChange {
  const tell = stored?.expected !== after.expected || stored?.type !== after.type;
  const alive = stored !== undefined && stored.type !== DELETED;
  return {
    after,
    store: true,
    tell,
    result: {},
    last: alive ? msgTwin(stored) : null,
    current: after.type === DELETED ? null : msgTwin(after),
  };
}

function part(object: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = object[key];
  return isRecord(value) ? value : {};
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.slice(0, MAX_PROPERTIES).filter(isRecord) : [];
}
