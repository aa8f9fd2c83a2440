import assert from 'node:assert/strict';
import { type Inventory, inventoryDigest, type StoredObject } from '@kubeedge-ts/apis';
import type { QueueCommand, SendCommand } from '../node-queue-types.ts';
import { keyOf } from '../object-kind.ts';

export interface Row {
  readonly uid: string;
  readonly value: string;
}

type Question = Extract<QueueCommand, { type: 'ask-inventory' }>;

/** What the edge says of a message: stored, or, to the question for it, what it has. */
export interface Answer {
  readonly id: string;
  readonly inventory?: Inventory;
}

/** An edge as the protocol sheet describes it, with the link to it. It checks the order in which things arrive. */
export interface ModelEdge {
  readonly rows: ReadonlyMap<string, Row>;
  /** Identity of its database. */
  readonly store: string;
  readonly unread: number;
  readonly unacked: number;
  send(message: SendCommand | Question): void;
  /** Stores what comes next and acks it. */
  proceed(): void;
  /** The answer that reaches the cloud next. */
  nextAnswer(): Answer | undefined;
  /** Its buffer is full: the oldest message is gone without a word. */
  overflow(): void;
  /** What is on the way is lost, in both directions. */
  disconnect(): void;
  wipe(): void;
  /** Keeps a copy of the database. */
  backup(): void;
  /** Puts the copy back: the identity stays. */
  restore(): void;
  /** Somebody removes a row, or gives it another content. */
  tamper(pick: number): void;
}

export function createModelEdge(): ModelEdge {
  const rows = new Map<string, Row>();
  let toEdge: (SendCommand | Question)[] = [];
  let toCloud: Answer[] = [];
  let copy: ReadonlyMap<string, Row> = new Map();
  let stores = 0;
  const applied = new Map<string, { birth: number; version: number }>();

  const remove = (key: string, message: SendCommand): void => {
    // Edges delete by key; pods are compared with the UID first.
    if (message.object.type !== 'pod' || rows.get(key)?.uid === message.object.uid) rows.delete(key);
  };

  const put = (key: string, message: SendCommand): void => {
    const content = message.content as unknown as { birth: number; value: string };
    const version = Number(message.resourceVersion);
    const last = applied.get(key) ?? { birth: 0, version: 0 };
    assert.ok(content.birth >= last.birth, 'an older object never follows a newer one');
    assert.ok(version >= last.version, 'an older version never follows a newer one');
    applied.set(key, { birth: content.birth, version });
    rows.set(key, { uid: message.object.uid, value: content.value });
  };

  const inventory = ({ request }: Question): Inventory => {
    const objects = [...rows].flatMap(([key, { uid, value }]): StoredObject[] =>
      request.types.includes(key.split('/')[1] ?? '') ? [{ key, uid, hash: value }] : [],
    );
    return request.digest === inventoryDigest(objects) ? 'same' : objects;
  };

  return {
    rows,
    get store() {
      return `store-${stores}`;
    },
    get unread() {
      return toEdge.length;
    },
    get unacked() {
      return toCloud.length;
    },
    send: (message) => {
      toEdge.push(message);
    },
    proceed() {
      const message = toEdge.shift();
      if (message === undefined) return;
      if (message.type === 'ask-inventory') {
        toCloud.push({ id: message.id, inventory: inventory(message) });
        return;
      }
      const key = keyOf(message.object);
      if (message.operation === 'delete') remove(key, message);
      else put(key, message);
      toCloud.push({ id: message.id });
    },
    nextAnswer: () => toCloud.shift(),
    overflow() {
      // What an upstream edge may do; it is never asked for its inventory.
      if (toEdge[0]?.type === 'send') toEdge.shift();
    },
    disconnect() {
      toEdge = [];
      toCloud = [];
    },
    wipe() {
      rows.clear();
      applied.clear();
      stores += 1;
      copy = new Map();
    },
    backup() {
      copy = new Map(rows);
    },
    restore() {
      rows.clear();
      for (const [key, row] of copy) rows.set(key, row);
    },
    tamper(pick) {
      const key = [...rows.keys()][pick % Math.max(1, rows.size)];
      const row = key === undefined ? undefined : rows.get(key);
      if (key === undefined || row === undefined) return;
      if (pick % 2 === 0) rows.delete(key);
      else rows.set(key, { ...row, value: `${row.value}?` });
    },
  };
}
