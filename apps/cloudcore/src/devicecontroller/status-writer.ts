import { isDeepStrictEqual } from 'node:util';
import {
  apiVersionOf,
  type Device,
  type DeviceStatus,
  deviceStatuses,
  devices,
  type OwnerReference,
} from '@kubeedge-ts/apis';
import { isAlreadyExists, isConflict, isNotFound, type KubeClient, type ObjectKey } from '@kubeedge-ts/kube';
import { merged, overlayOf, type TwinOverlay, twinList } from './twin-report.ts';

/** A device's state as the edge reported it. */
export interface ReportedState {
  readonly state: string;
  /** RFC 3339; absent: the known one stays. */
  readonly lastOnlineTime?: string;
}

export interface StatusWriterPorts {
  readonly kube: Pick<KubeClient, 'get' | 'create' | 'patch' | 'delete'>;
  readonly device: (uid: string) => Device | undefined;
  /** The cached DeviceStatus. */
  readonly cached: (key: ObjectKey) => DeviceStatus | undefined;
  readonly signal: AbortSignal;
}

/**
 * Holds what edges reported until it is written to DeviceStatus. Reports of one device are laid over each other, so
 * that one patch carries the newest of all; state and twins are separate fields of it (LESSONS D1). The list of twins
 * is replaced as a whole, therefore every patch names the version it was made from.
 */
export interface StatusWriter {
  /** `written` is called when this report, or a newer one of the same properties, is stored. */
  twins(uid: string, reported: TwinOverlay, written: () => void): void;
  state(uid: string, reported: ReportedState, written: () => void): void;
  /** Someone's version of a DeviceStatus was seen. */
  observed(uid: string, status: DeviceStatus | undefined): void;
  /** Whether there is something to write, the object itself included. */
  isPending(uid: string): boolean;
  /** Writes it; resolves with whether a value was written. */
  write(uid: string): Promise<boolean>;
  forget(uid: string): void;
}

interface Slot {
  twins: TwinOverlay;
  state: ReportedState | undefined;
  waiting: (() => void)[];
  /** The last version known: read, or returned by our own write. */
  latest: DeviceStatus | undefined;
  /** `latest`'s twins, with the edge's versions where they are known. */
  known: TwinOverlay;
  /** Versions we wrote; the watch will show them again. */
  readonly own: string[];
}

const NOTHING: TwinOverlay = new Map();
/** Reports of one device that await confirmation; of more, the oldest are left to the edge to send again. */
const MAX_WAITING = 4_096;
const OWN_VERSIONS = 16;
const TRIES = 4;

export function createStatusWriter({ kube, device: find, cached, signal }: StatusWriterPorts): StatusWriter {
  const slots = new Map<string, Slot>();

  const slotOf = (uid: string): Slot => {
    const known = slots.get(uid);
    if (known !== undefined) return known;
    const device = find(uid);
    const latest = device && cached(device.metadata);
    const slot: Slot = {
      twins: NOTHING,
      state: undefined,
      waiting: [],
      latest,
      known: latest && device && isOwn(latest, device) ? overlayOf(latest.status?.twins) : NOTHING,
      own: [],
    };
    slots.set(uid, slot);
    return slot;
  };
  const learn = (slot: Slot, status: DeviceStatus | undefined): void => {
    slot.latest = status;
    // What was stored before is stored again when someone deletes the object.
    if (status !== undefined) slot.known = overlayOf(status.status?.twins, slot.known);
  };
  const wait = (slot: Slot, written: () => void): void => {
    slot.waiting.push(written);
    if (slot.waiting.length > MAX_WAITING) slot.waiting.shift();
  };

  const store = async (
    device: Device,
    latest: DeviceStatus | undefined,
    status: NonNullable<DeviceStatus['status']>,
  ): Promise<DeviceStatus> => {
    const { name, namespace = '' } = device.metadata;
    if (latest === undefined) return kube.create(deviceStatuses, newStatus(device, status), { signal });
    const metadata = { resourceVersion: latest.metadata.resourceVersion };
    return kube.patch(
      deviceStatuses,
      { name, namespace },
      { type: 'merge', body: { metadata, status } },
      { signal },
    );
  };

  const read = async (device: Device): Promise<DeviceStatus | undefined> => {
    const { name, namespace = '' } = device.metadata;
    try {
      return await kube.get(deviceStatuses, { name, namespace }, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };

  /** A DeviceStatus left over from an earlier device of this name; the garbage collector may not have seen it yet. */
  const clear = async (device: Device, slot: Slot): Promise<void> => {
    const { latest } = slot;
    if (latest === undefined || isOwn(latest, device)) return;
    const { name, namespace = '' } = device.metadata;
    const preconditions = latest.metadata.uid ? { preconditions: { uid: latest.metadata.uid } } : {};
    await kube.delete(deviceStatuses, { name, namespace }, { ...preconditions, signal });
    slot.latest = undefined;
    slot.known = NOTHING;
  };

  /** One write of everything pending; what comes in meanwhile stays for the next. */
  const attempt = async (device: Device, slot: Slot): Promise<boolean> => {
    await clear(device, slot);
    const { twins: reported, state, waiting } = slot;
    slot.waiting = [];
    const sides = merged(slot.known, reported);
    const change = difference(slot.latest, twinsFor(device, sides), state);
    try {
      if (change !== undefined) remember(slot, await store(device, slot.latest, change), sides);
    } catch (error) {
      slot.waiting = [...waiting, ...slot.waiting].slice(-MAX_WAITING);
      throw error;
    }
    if (slot.twins === reported) slot.twins = NOTHING;
    if (slot.state === state) slot.state = undefined;
    for (const written of waiting) written();
    // Creating the empty object must not hold up the first value.
    return change !== undefined && Object.keys(change).length > 0;
  };
  const remember = (slot: Slot, stored: DeviceStatus, sides: TwinOverlay): void => {
    slot.own.push(stored.metadata.resourceVersion ?? '');
    if (slot.own.length > OWN_VERSIONS) slot.own.shift();
    slot.latest = stored;
    slot.known = sides;
  };

  return {
    twins(uid, reported, written) {
      const slot = slotOf(uid);
      slot.twins = merged(slot.twins, reported);
      wait(slot, written);
    },
    state(uid, reported, written) {
      const slot = slotOf(uid);
      const lastOnlineTime = reported.lastOnlineTime ?? slot.state?.lastOnlineTime;
      slot.state = { state: reported.state, ...(lastOnlineTime ? { lastOnlineTime } : {}) };
      wait(slot, written);
    },
    observed(uid, status) {
      const slot = slots.get(uid);
      if (slot === undefined || slot.own.includes(status?.metadata.resourceVersion ?? '-')) return;
      learn(slot, status);
    },
    isPending(uid) {
      const device = find(uid);
      if (device === undefined) return false;
      const slot = slots.get(uid);
      if (slot === undefined) return cached(device.metadata) === undefined;
      return slot.latest === undefined || slot.waiting.length > 0 || slot.twins.size > 0;
    },
    async write(uid) {
      const slot = slotOf(uid);
      for (let tries = 1; ; tries++) {
        const device = find(uid);
        if (device === undefined) {
          // Nothing is left to record; the edge need not send it again.
          for (const written of slot.waiting.splice(0)) written();
          slots.delete(uid);
          return false;
        }
        try {
          return await attempt(device, slot);
        } catch (error) {
          const outdated = isConflict(error) || isNotFound(error) || isAlreadyExists(error);
          if (!outdated || tries === TRIES) throw error;
          learn(slot, await read(device));
        }
      }
    },
    forget: (uid) => slots.delete(uid),
  };
}

function twinsFor(device: Device, sides: TwinOverlay) {
  return twinList(
    sides,
    (device.spec?.properties ?? []).flatMap(({ name }) => (name === undefined ? [] : [name])),
  );
}

/** The fields to write, or undefined when the object already says so. */
function difference(
  latest: DeviceStatus | undefined,
  twins: NonNullable<DeviceStatus['status']>['twins'],
  state: ReportedState | undefined,
): DeviceStatus['status'] | undefined {
  const now = latest?.status ?? {};
  const change = {
    ...(isDeepStrictEqual(now.twins ?? [], twins) ? {} : { twins }),
    ...(state && state.state !== now.state ? { state: state.state } : {}),
    ...(state?.lastOnlineTime && state.lastOnlineTime !== now.lastOnlineTime
      ? { lastOnlineTime: state.lastOnlineTime }
      : {}),
  };
  return latest === undefined || Object.keys(change).length > 0 ? change : undefined;
}

/** One that names no owner is taken as it is. */
function isOwn({ metadata }: DeviceStatus, device: Device): boolean {
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === devices.kind);
  return owner === undefined || owner.uid === device.metadata.uid;
}

/** spec/crds.md §4.3: same name and namespace, owned by its Device. */
function newStatus(device: Device, status: NonNullable<DeviceStatus['status']>): DeviceStatus {
  const { name, namespace = '', uid = '' } = device.metadata;
  const owner: OwnerReference = {
    apiVersion: apiVersionOf(devices),
    kind: devices.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  return {
    apiVersion: apiVersionOf(deviceStatuses),
    kind: deviceStatuses.kind,
    metadata: { name, namespace, ownerReferences: [owner] },
    spec: {},
    status,
  };
}
