import type { DownstreamObject } from './downstream.ts';
import { createEntryIndex } from './entry-index.ts';
import { createFlights } from './flights.ts';
import { inventoryRequest, isKnownByInventoryOnly, takeInventory } from './inventory-check.ts';
import {
  NOTHING_CONFIRMED,
  type NodeQueue,
  type NodeQueueOptions,
  type QueueCommand,
  type QueueEvent,
  type SendCommand,
} from './node-queue-types.ts';
import { type ControllerName, isOthers, ownerOf } from './object-kind.ts';
import {
  adoptFound,
  adoptRecord,
  currentContent,
  type Entry,
  isConfirmed,
  loseRecord,
  sentHash,
  voidNote,
} from './queue-entry.ts';
import { deleteCommand, putCommand } from './send-command.ts';
import { createSendOrder } from './send-order.ts';

/**
 * Decides what is sent to one node and what is remembered of it (DESIGN §5).
 *
 * Held at every moment, also across a crash:
 * - an object is sent only when its record exists, so nothing lies on an edge that nobody remembers (LESSONS M12);
 * - what a record claims, the edge has: before a delete, or a change of an object whose record holds a hash, the record
 *   is reset to "nothing confirmed";
 * - one message per key is in flight; the delete of an old UID is acked before its successor is sent (M13), and the old
 *   record stays until the successor is confirmed, since that delete removes by key whatever lies there;
 * - without a connection nothing is written: another cloudcore may own the node (M6).
 */
export function createNodeQueue(options: NodeQueueOptions): NodeQueue {
  const { cluster, uuid, window = 32, resendMs = 5_000, maxResendMs = 60_000 } = options;
  const entries = createEntryIndex();
  const { siblings } = entries;
  const settled = new Set<ControllerName>();
  const order = createSendOrder<Entry>();
  /** Wanted, but nothing can be done now: looked at again when the timer fires. */
  const absent = new Set<Entry>();
  const flights = createFlights<Entry>({ window, resendMs, maxResendMs });
  let connected = false;
  let congested = false;
  let store: string | undefined;
  /** The edge has still to say what it holds: until then nothing is sent, so that nothing it has is sent again. */
  let asking: string | undefined;
  /** The edge can be asked; one that has left a question unanswered is not asked again on this connection. */
  let tells = false;
  /** The edge has said what it holds: no record knows better. */
  let inventoried = false;
  let out: QueueCommand[] = [];

  const forget = (entry: Entry): void => {
    // It may still stand in the order of deletes, which is then not carried out.
    entry.sent = false;
    order.confirmed(entry);
    absent.delete(entry);
    const others = siblings(entry);
    entries.remove(entry);
    for (const other of others) evaluate(other);
  };

  const isDropped = (entry: Entry): boolean => {
    if (entry.dropped) return true;
    const owner = ownerOf(entry.object.type);
    return owner !== undefined && settled.has(owner) && !isOthers(entry.object.type, entry.byUpstream);
  };

  const drop = (entry: Entry): void => {
    entry.wanted = undefined;
    entry.dropped = true;
    order.confirmed(entry);
    evaluate(entry);
  };

  const needsPut = (entry: Entry): boolean => entry.wanted !== undefined && !isConfirmed(entry);
  const needsDelete = (entry: Entry): boolean => entry.wanted === undefined && entry.sent && isDropped(entry);

  /** Nothing of the same key is under way, and a put has no predecessor left on the edge. */
  const keyFree = (entry: Entry): boolean =>
    siblings(entry).every(
      (other) => other.flight === undefined && (entry.wanted === undefined || !needsDelete(other)),
    );

  const sendable = (entry: Entry): boolean => {
    if (entry.flight !== undefined) return false;
    const { record } = entry;
    if (needsPut(entry)) {
      return (record === 'refused' || (record === 'present' && !entry.sealed)) && keyFree(entry);
    }
    if (!needsDelete(entry)) return false;
    const recordAgrees = record === 'present' && entry.noted === NOTHING_CONFIRMED;
    return (recordAgrees || record === 'none' || record === 'refused') && keyFree(entry);
  };

  const createRecord = (entry: Entry): void => {
    entry.record = 'creating';
    out.push({ type: 'create-record', object: entry.object, store });
  };
  const resetRecord = (entry: Entry): void => {
    entry.record = 'writing';
    out.push({ type: 'reset-record', uid: entry.object.uid });
  };
  const deleteRecord = (entry: Entry): void => {
    entry.record = 'deleting';
    out.push({ type: 'delete-record', uid: entry.object.uid });
  };

  /** Looks at one entry and does the next step towards what is wanted, if it is possible now. */
  const evaluate = (entry: Entry): void => {
    if (entry.flight !== undefined) return;
    if (entry.wanted === undefined) evaluateUnwanted(entry);
    else if (isConfirmed(entry)) evaluateConfirmed(entry, entry.wanted);
    else {
      order.unconfirmed(entry, entry.wanted.rank);
      if (!connected) return;
      if (entry.record === 'none') createRecord(entry);
      else if (entry.record === 'present' && entry.sealed) resetRecord(entry);
      else if (sendable(entry)) order.ready(entry);
    }
  };

  const evaluateConfirmed = (entry: Entry, wanted: DownstreamObject): void => {
    order.confirmed(entry);
    // Equal versions: the hash is learnt, so that later changes of the version alone are seen as such.
    if (entry.confirmed?.hash === undefined)
      entry.confirmed = { hash: wanted.hash, version: wanted.resourceVersion };
    if (connected) {
      const { uid, resourceVersion } = wanted;
      if (entry.record === 'none') createRecord(entry);
      else if (entry.record === 'present' && entry.sealed && entry.noted === '') resetRecord(entry);
      else if (entry.record === 'present' && !entry.sealed && entry.noted !== resourceVersion) {
        entry.noted = resourceVersion;
        out.push({ type: 'advance-record', uid, version: resourceVersion, store });
      }
    }
    for (const other of siblings(entry)) if (other.wanted === undefined) evaluate(other);
  };

  const evaluateUnwanted = (entry: Entry): void => {
    if (!isDropped(entry)) return;
    const { record } = entry;
    if (!entry.sent) {
      if (record === 'none' || record === 'refused') forget(entry);
      else if (connected && record === 'present' && !siblings(entry).some(needsPut)) deleteRecord(entry);
      return;
    }
    if (!connected) return;
    if (record === 'present' && entry.noted !== NOTHING_CONFIRMED) resetRecord(entry);
    else if (sendable(entry)) order.readyDelete(entry);
  };

  const sendPut = (entry: Entry, wanted: DownstreamObject): void => {
    const content = currentContent(wanted);
    if (content === undefined) {
      // Gone or being read again: its controller will say so. Until then nobody waits for it, and it is asked again.
      order.confirmed(entry);
      absent.add(entry);
      return;
    }
    entry.sent = true;
    launch(entry, wanted, sentHash(wanted, content), putCommand(uuid(), entry, wanted, content));
  };

  const sendDelete = (entry: Entry): void => {
    launch(entry, undefined, undefined, deleteCommand(uuid(), entry));
    // The edge deletes by key, and whether it has done so is unknown until the ack: nothing there is confirmed any more.
    entry.delivered = false;
    for (const other of siblings(entry)) {
      other.confirmed = undefined;
      other.delivered = false;
      evaluate(other);
    }
  };

  const launch = (
    entry: Entry,
    wanted: DownstreamObject | undefined,
    hash: string | undefined,
    command: SendCommand,
  ): void => {
    entry.confirmed = undefined;
    entry.flight = { entry, wanted, command, hash, sends: 1, stalled: false };
    flights.add(entry.flight, out);
  };

  const pump = (): void => {
    while (connected && asking === undefined && !congested && !flights.full) {
      const entry = order.next(sendable);
      if (entry === undefined) return;
      if (entry.wanted === undefined) sendDelete(entry);
      else sendPut(entry, entry.wanted);
    }
  };

  const onWant = (object: DownstreamObject): void => {
    const entry = entries.obtain(object);
    entry.object = object;
    entry.wanted = object;
    entry.dropped = false;
    // A name belongs to one object: whoever had it is gone, whether its controller has said so or not.
    for (const other of siblings(entry)) if (other.wanted !== undefined || !other.dropped) drop(other);
    evaluate(entry);
  };

  const onConnected = (event: Extract<QueueEvent, { type: 'connected' }>): void => {
    connected = true;
    congested = false;
    asking = undefined;
    inventoried = false;
    const otherStore = event.store !== undefined && event.store !== store;
    store = event.store;
    flights.clear(out);
    const listed = event.records && new Map(event.records.map((record) => [record.uid, record]));
    for (const entry of entries.all()) {
      entry.flight = undefined;
      if (entry.record === 'refused') entry.record = 'none';
      if (otherStore) {
        entry.confirmed = undefined;
        entry.delivered = false;
        voidNote(entry);
      }
      if (listed !== undefined && entry.record === 'present' && !listed.has(entry.object.uid)) {
        loseRecord(entry);
      }
    }
    for (const record of listed?.values() ?? []) {
      const entry = entries.obtain(record);
      if (entry.record === 'none' || entry.record === 'present') adoptRecord(entry, record, cluster, store);
      if (siblings(entry).some((other) => other.wanted !== undefined)) entry.dropped = true;
    }
    for (const entry of entries.all()) evaluate(entry);
    tells = event.inventory === true;
    ask();
  };

  /** Not while anything is under way: the answer and an ack could not be told apart. The next period comes. */
  const ask = (): void => {
    if (!connected || !tells || asking !== undefined || flights.size > 0) return;
    asking = uuid();
    out.push({ type: 'ask-inventory', id: asking, request: inventoryRequest(entries.all()) });
  };

  const onInventory = ({ id, inventory }: Extract<QueueEvent, { type: 'inventory' }>): void => {
    if (id !== asking) return;
    asking = undefined;
    tells = inventory !== 'unknown';
    inventoried = tells;
    if (typeof inventory === 'string') return;
    const difference = takeInventory(entries, inventory);
    const { missing, changed, unknown } = difference;
    if (missing + changed + unknown > 0) out.push({ type: 'store-differs', difference });
    for (const entry of entries.all()) {
      if (isKnownByInventoryOnly(entry) && entry.confirmed === undefined) forget(entry);
      else evaluate(entry);
    }
  };

  const onAcked = (id: string): void => {
    const flight = flights.acked(id, out);
    if (flight === undefined) return;
    const { entry } = flight;
    entry.flight = undefined;
    if (flight.command.operation === 'delete') {
      entry.sent = false;
    } else {
      entry.confirmed = { hash: flight.hash, version: flight.command.resourceVersion };
      entry.delivered = true;
      // What is wanted by now was wanted later than this: it queues up again behind others.
      order.confirmed(entry);
    }
    // The content was newer than what its controller has asked for so far; what it asks next shows whether it was right.
    if (flight.wanted !== undefined && flight.wanted === entry.wanted && !isConfirmed(entry))
      absent.add(entry);
    else evaluate(entry);
    for (const other of siblings(entry)) evaluate(other);
  };

  const onTimer = (): void => {
    const stalled = flights.fired(congested, out);
    if (stalled !== undefined) order.confirmed(stalled.entry);
    const again = [...absent];
    absent.clear();
    for (const entry of again) evaluate(entry);
  };

  const onQuiet = (entry: Entry): void => {
    const { wanted } = entry;
    if (!connected || entry.flight !== undefined || wanted === undefined || !isConfirmed(entry)) return;
    if (entry.record !== 'present' || entry.sealed || entry.noted !== wanted.resourceVersion) return;
    entry.record = 'writing';
    out.push({ type: 'seal-record', uid: wanted.uid, version: entry.noted, hash: wanted.hash });
  };

  const onRecord = (entry: Entry, event: QueueEvent): void => {
    switch (event.type) {
      case 'record-created':
        if (event.found === undefined) entry.record = 'present';
        else adoptFound(entry, event.found, { cluster, store, inventoried });
        break;
      case 'record-refused':
        entry.record = 'refused';
        break;
      case 'record-reset':
        entry.record = 'present';
        entry.noted = NOTHING_CONFIRMED;
        entry.sealed = false;
        break;
      case 'record-sealed':
        entry.record = 'present';
        entry.sealed = event.sealed;
        break;
      case 'record-gone':
        loseRecord(entry);
        break;
      case 'quiet':
        onQuiet(entry);
        return;
    }
    evaluate(entry);
    for (const other of siblings(entry)) evaluate(other);
  };

  const onEvent = (event: QueueEvent): void => {
    switch (event.type) {
      case 'want':
        onWant(event.object);
        break;
      case 'unwant': {
        const entry = entries.get(event.uid);
        if (entry !== undefined) drop(entry);
        break;
      }
      case 'settled':
        settled.add(event.source);
        for (const entry of entries.all()) if (entry.wanted === undefined) evaluate(entry);
        break;
      case 'connected':
        onConnected(event);
        break;
      case 'disconnected':
        connected = false;
        asking = undefined;
        flights.clear(out);
        for (const entry of entries.all()) {
          entry.flight = undefined;
          if (isKnownByInventoryOnly(entry)) forget(entry);
        }
        break;
      case 'reconcile':
        ask();
        break;
      case 'inventory':
        onInventory(event);
        break;
      case 'congested':
        congested = event.value;
        break;
      case 'acked':
        onAcked(event.id);
        break;
      case 'timer':
        onTimer();
        break;
      default: {
        const entry = entries.get(event.uid);
        if (entry !== undefined) onRecord(entry, event);
      }
    }
  };

  return {
    handle(event) {
      out = [];
      onEvent(event);
      pump();
      if (connected && absent.size > 0) flights.wake(out);
      return out;
    },
    get empty() {
      return entries.size === 0;
    },
    get inFlight() {
      return flights.size;
    },
    get pending() {
      return order.unconfirmedCount;
    },
    get size() {
      return entries.size;
    },
  };
}
