import assert from 'node:assert/strict';
import type { SendCommand } from '../node-queue-types.ts';
import { keyOf } from '../object-kind.ts';

export interface Row {
  readonly uid: string;
  readonly value: string;
}

/** An edge as the protocol sheet describes it, with the link to it. It checks the order in which things arrive. */
export interface ModelEdge {
  readonly rows: ReadonlyMap<string, Row>;
  /** Identity of its database. */
  readonly store: string;
  readonly unread: number;
  readonly unacked: number;
  send(message: SendCommand): void;
  /** Stores what comes next and acks it. */
  proceed(): void;
  /** The ack that reaches the cloud next. */
  nextAck(): string | undefined;
  /** Its buffer is full: the oldest message is gone without a word. */
  overflow(): void;
  /** What is on the way is lost, in both directions. */
  disconnect(): void;
  wipe(): void;
}

export function createModelEdge(): ModelEdge {
  const rows = new Map<string, Row>();
  let toEdge: SendCommand[] = [];
  let toCloud: string[] = [];
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
      const key = keyOf(message.object);
      if (message.operation === 'delete') remove(key, message);
      else put(key, message);
      toCloud.push(message.id);
    },
    nextAck: () => toCloud.shift(),
    overflow() {
      toEdge.shift();
    },
    disconnect() {
      toEdge = [];
      toCloud = [];
    },
    wipe() {
      rows.clear();
      applied.clear();
      stores += 1;
    },
  };
}
