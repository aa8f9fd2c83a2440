import type { Statement } from '@kubeedge-ts/store';
import {
  deleteDevice,
  insertDevice,
  insertTwin,
  replaceAttribute,
  updateDeviceState,
  updateTwin,
} from './rows.ts';
import type { Attribute, Device } from './types.ts';

/**
 * What several requests do together: the rows they leave behind (one write per row, however often it changed), and
 * what is published once these are durable, in the order of the requests.
 */
export interface Batch {
  twinRow(device: Device, name: string, isNew: boolean): void;
  stateRow(device: Device): void;
  deviceAdded(device: Device): void;
  deviceRemoved(device: Device): void;
  attribute(device: Device, name: string, attribute: Attribute | null): void;
  publish(topic: string, payload: string): void;
  /** Runs after the commit, in order with the publications. */
  afterCommit(action: () => void): void;
}

export interface OpenBatch extends Batch {
  readonly touched: ReadonlySet<string>;
  statements(): Statement[];
  /** Publishes and runs what waited for the commit. */
  finish(publish: (topic: string, payload: string) => void): void;
}

type RowKind = 'insert-twin' | 'update-twin' | 'state';
interface PendingRow {
  readonly kind: RowKind;
  readonly device: Device;
  readonly name: string;
}

export function createBatch(): OpenBatch {
  const steps: (Statement | PendingRow)[] = [];
  /** Position of the row's step per device, so that a later change finds it. */
  let rows = new Map<Device, Set<string>>();
  const outgoing: ((publish: (topic: string, payload: string) => void) => void)[] = [];
  const touched = new Set<string>();

  const row = (device: Device, key: string, kind: RowKind, name: string): void => {
    touched.add(device.id);
    let known = rows.get(device);
    if (known === undefined) {
      known = new Set();
      rows.set(device, known);
    }
    if (known.has(key)) return;
    known.add(key);
    steps.push({ kind, device, name });
  };

  /** Rows written before a device is added or removed must be written as they are now. */
  const seal = (): void => {
    for (const [index, step] of steps.entries()) if (!('sql' in step)) steps[index] = statementOf(step);
    rows = new Map();
  };

  return {
    touched,
    twinRow: (device, name, isNew) =>
      row(device, `twin:${name}`, isNew ? 'insert-twin' : 'update-twin', name),
    stateRow: (device) => row(device, 'state', 'state', ''),
    deviceAdded(device) {
      seal();
      touched.add(device.id);
      steps.push(...deleteDevice(device.id), insertDevice(device));
    },
    deviceRemoved(device) {
      seal();
      touched.add(device.id);
      steps.push(...deleteDevice(device.id));
    },
    attribute(device, name, attribute) {
      touched.add(device.id);
      steps.push(...replaceAttribute(device.id, name, attribute));
    },
    publish(topic, payload) {
      outgoing.push((publish) => publish(topic, payload));
    },
    afterCommit(action) {
      outgoing.push(action);
    },
    statements: () => steps.map((step) => ('sql' in step ? step : statementOf(step))),
    finish(publish) {
      for (const action of outgoing) action(publish);
    },
  };
}

function statementOf({ kind, device, name }: PendingRow): Statement {
  if (kind === 'state') return updateDeviceState(device);
  const twin = device.twins.get(name);
  if (twin === undefined) throw new TypeError(`twin ${device.id} ${name} has no value to store`);
  return kind === 'insert-twin' ? insertTwin(device.id, twin) : updateTwin(device.id, twin);
}
