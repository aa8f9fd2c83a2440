import assert from 'node:assert/strict';
import { type Inventory, inventoryDigest, type StoredObject } from '@kubeedge-ts/apis';
import { createNodeQueue } from '../node-queue.ts';
import type {
  NodeQueueOptions,
  QueueCommand,
  QueueEvent,
  SendCommand,
  SyncRecord,
} from '../node-queue-types.ts';
import { type Wish, wish } from './hub-bed.ts';

/** Drives a queue whose record commands succeed at once, and collects what it sends. */
export function bench(options: Partial<NodeQueueOptions> = {}) {
  let ids = 0;
  const queue = createNodeQueue({ cluster: 'c1', uuid: () => `m${++ids}`, ...options });
  const sent: SendCommand[] = [];
  const log: string[] = [];
  const questions: Extract<QueueCommand, { type: 'ask-inventory' }>[] = [];
  /** Set to keep record commands from being answered. */
  const held = { value: false };
  const apply = (event: QueueEvent): void => {
    for (const command of queue.handle(event)) carryOut(command);
  };
  const carryOut = (command: QueueCommand): void => {
    if (command.type === 'send') {
      sent.push(command);
      return;
    }
    if (command.type === 'ask-inventory') {
      questions.push(command);
      return;
    }
    if (command.type === 'store-differs') {
      const { missing, changed, unknown } = command.difference;
      log.push(`store-differs ${missing} missing, ${changed} changed, ${unknown} unknown`);
      return;
    }
    const what =
      'uid' in command ? ` ${command.uid}` : command.type === 'create-record' ? ` ${command.object.uid}` : '';
    log.push(command.type === 'set-timer' ? `set-timer ${command.ms}` : command.type + what);
    if (held.value) return;
    if (command.type === 'create-record') apply({ type: 'record-created', uid: command.object.uid });
    if (command.type === 'reset-record') apply({ type: 'record-reset', uid: command.uid });
    if (command.type === 'delete-record') apply({ type: 'record-gone', uid: command.uid });
    if (command.type === 'seal-record') apply({ type: 'record-sealed', uid: command.uid, sealed: true });
  };
  return {
    queue,
    log,
    held,
    apply,
    connect: (records?: readonly SyncRecord[], store?: string) =>
      apply({ type: 'connected', records, store }),
    /** Connects an edge that can tell what it has stored. */
    connectOurs: (records?: readonly SyncRecord[]) =>
      apply({ type: 'connected', records, store: 's1', inventory: true }),
    /** Answers the open question as an edge that holds these objects; returns the answer. */
    tell(...stored: readonly Wish[]): Inventory {
      const { id, request } = questions.shift() ?? assert.fail('nothing was asked');
      const objects = stored.map(storedAs);
      const inventory = request.digest === inventoryDigest(objects) ? 'same' : objects;
      apply({ type: 'inventory', id, inventory });
      return inventory;
    },
    /** Questions that are not answered. */
    open: () => questions.length,
    /** Gives no answer to the open question. */
    silence(): void {
      const { id } = questions.shift() ?? assert.fail('nothing was asked');
      apply({ type: 'inventory', id, inventory: 'unknown' });
    },
    want: (about: Wish) => apply({ type: 'want', object: wish(about) }),
    unwant: (uid: string) => apply({ type: 'unwant', uid }),
    /** What was sent since the last call: `insert name`. */
    sent: () => sent.splice(0).map(({ operation, object }) => `${operation} ${object.name}`),
    /** Acks everything that is not acked yet, until nothing more comes; returns it. */
    ackAll(): string[] {
      const got: string[] = [];
      for (let next = sent.shift(); next !== undefined; next = sent.shift()) {
        got.push(`${next.operation} ${next.object.name}`);
        apply({ type: 'acked', id: next.id });
      }
      return got;
    },
    last: () => sent.at(-1) ?? assert.fail('nothing was sent'),
    next: () => sent.shift() ?? assert.fail('nothing was sent'),
  };
}

function storedAs(about: Wish): StoredObject {
  const { uid, type, namespace, name, hash } = wish(about);
  return { key: `${namespace}/${type}/${name}`, uid, hash };
}

export function record(about: Wish & { readonly store?: string }): SyncRecord {
  const { uid, type, namespace, name, apiVersion, kind, resourceVersion } = wish(about);
  const { store } = about;
  return {
    uid,
    type,
    namespace,
    name,
    apiVersion,
    kind,
    version: resourceVersion,
    hash: undefined,
    cluster: 'c1',
    store,
  };
}
